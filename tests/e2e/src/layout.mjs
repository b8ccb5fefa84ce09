// Whether every control can be seen and hit, on the screens that planners have.

/** Screens by name, in CSS pixels: at 200 % a page has half of the screen's. */
const SCREENS = [
  { name: '1366x768', width: 1366, height: 768 },
  { name: '1920x1080', width: 1920, height: 1080 },
  { name: '3840x2160', width: 3840, height: 2160 },
  { name: '1366x768-at-200', width: 683, height: 384 },
  { name: '1920x1080-at-200', width: 960, height: 540 },
];

/**
 * The controls that are cut off, covered by something else, too small to hit or whose words are cut; and
 * letters below 11 CSS pixels. One line each.
 */
const layoutFaults = (page) => page.evaluate(() => {
  const LETTER_MIN_PX = 11;
  const TARGET_MIN_PX = 16;
  const faults = [];
  const nameOf = (element) => {
    const { dataset } = element;
    const data = Object.entries(dataset).map(([key, value]) => `data-${key}=${value}`).slice(0, 2).join(' ');
    return `<${element.tagName.toLowerCase()}${element.className ? ` .${String(element.className).split(' ')[0]}` : ''}${data ? ` ${data}` : ''}> ${(element.getAttribute('aria-label') ?? element.textContent ?? '').trim().slice(0, 30)}`;
  };
  const isSeen = (element) => {
    const style = getComputedStyle(element);
    const { width, height } = element.getBoundingClientRect();
    return style.visibility !== 'hidden' && style.opacity !== '0' && width > 1 && height > 1 && element.checkVisibility();
  };
  const controls = [...document.querySelectorAll('button, a[href], input, select, textarea, summary, [role="separator"], [role="option"]')]
    .filter((element) => isSeen(element) && !element.closest('.skip, .maplibregl-ctrl, .visually-hidden'));
  for (const control of controls) {
    control.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    const box = control.getBoundingClientRect();
    if (box.left < -1 || box.top < -1 || box.right > innerWidth + 1 || box.bottom > innerHeight + 1) {
      faults.push(`outside the window: ${nameOf(control)} at ${[box.left, box.top, box.right, box.bottom].map(Math.round)}`);
      continue;
    }
    const hits = (at) => {
      hit = document.elementFromPoint(box.left + box.width / 2, box.top + box.height * at);
      return hit && (control.contains(hit) || hit.contains(control) || hit.closest('label')?.contains(control));
    };
    let hit = null;
    // A divider from top to bottom passes under panels; it is taken where it is free.
    const isHit = (control.getAttribute('role') === 'separator' ? [0.25, 0.4, 0.5, 0.6, 0.75] : [0.5]).some(hits);
    if (!isHit) faults.push(`covered: ${nameOf(control)} by ${hit ? nameOf(hit) : 'nothing'}`);
    // A part of a panel that does not scroll may hide a part of it.
    for (let at = control.parentElement; at && at !== document.body; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (style.overflow === 'visible') continue;
      const clip = at.getBoundingClientRect();
      const hidden = Math.max(clip.left - box.left, box.right - clip.right, clip.top - box.top, box.bottom - clip.bottom);
      if (hidden > 2) faults.push(`cut by ${Math.round(hidden)} px: ${nameOf(control)} in ${nameOf(at).slice(0, 40)}`);
      break;
    }
    if (Math.min(box.width, box.height) < TARGET_MIN_PX && !['INPUT', 'A'].includes(control.tagName) && !control.closest('label')) {
      faults.push(`too small: ${nameOf(control)} ${Math.round(box.width)} × ${Math.round(box.height)}`);
    }
    if (control.tagName === 'BUTTON' && control.scrollWidth > control.clientWidth + 1 && getComputedStyle(control).overflow !== 'visible') faults.push(`its words are cut: ${nameOf(control)}`);
  }
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const small = new Set();
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element || element.closest('script, style, .visually-hidden, svg, .maplibregl-ctrl') || !isSeen(element)) continue;
    const size = parseFloat(getComputedStyle(element).fontSize);
    if (size < LETTER_MIN_PX) small.add(`letters of ${size.toFixed(1)} px: ${nameOf(element)}`);
  }
  return [...faults, ...small];
});

/** How long a page may take to lay itself out anew after a resize, in milliseconds: software draws 4K slowly. */
const SETTLE_MAX_MS = 5000;

/** The faults that stay: none as soon as there are none, else those that are still there after SETTLE_MAX_MS. */
async function lastingFaults(page) {
  const end = Date.now() + SETTLE_MAX_MS;
  for (;;) {
    const faults = await layoutFaults(page);
    if (faults.length === 0 || Date.now() > end) return faults;
    await page.waitForTimeout(200);
  }
}

const STATES = [null, 'select', 'measure', 'edit', 'scene', 'time', 'compare', 'print', 'share', 'notes'];
// On a 4K screen, which software draws slowly, and elsewhere a second time.
const FEW_STATES = [null, 'select', 'time'];
/** Languages and themes, each one click away from the one before; the last click leads back to the first. */
const PAIRS = [['zh', 'dark'], ['en', 'dark'], ['en', 'light'], ['zh', 'light']];

/** The screens on which every state is opened, once in either language: those with the least room in both. */
const WHOLE = {
  zh: ['1366x768', '1920x1080', '1366x768-at-200'],
  en: ['1366x768', '1366x768-at-200', '1920x1080-at-200'],
};

/** What is looked at: a theme changes no width, so there is little to see in the second one. */
function statesOf([language, theme], screen) {
  if (theme === 'light') return screen === '3840x2160' ? [null] : [null, 'select'];
  return WHOLE[language].includes(screen) ? STATES : FEW_STATES;
}

/** Clicks from one pair to the next. */
async function turn(page, from, to) {
  for (const [at, button] of [[0, '.language'], [1, '[data-act="theme"]']]) {
    if (from[at] !== to[at]) await page.locator(`header ${button}`).evaluate((element) => element.click());
  }
}

/**
 * Opens the page's states on every screen, in both languages and themes, and gathers their faults;
 * `shoot` takes a picture of some.
 */
export async function walkScreens(page, shoot) {
  const found = [];
  const before = page.viewportSize();
  // Over the open sea, which is drawn at once: what is judged lies over the map.
  const view = await page.evaluate(() => {
    const { map } = window.__citywall;
    const home = { center: map.getCenter().toArray(), zoom: map.getZoom() };
    map.jumpTo({ center: [0, 0], zoom: 5 });
    return home;
  });
  for (const { name, width, height } of SCREENS) {
    await page.setViewportSize({ width, height });
    await page.waitForTimeout(300);
    for (const [at, pair] of PAIRS.entries()) {
      for (const state of statesOf(pair, name)) {
        const button = state && page.locator(`[data-tool="${state}"]`);
        if (button) await button.evaluate((element) => element.click());
        await page.waitForTimeout(60);
        found.push(...(await lastingFaults(page)).map((line) => `${name}, ${pair.join(' ')}, ${state ?? 'page'}: ${line}`));
        if ([null, 'select', 'time', 'compare'].includes(state)) await shoot(`screen-${name}-${pair.join('-')}-${state ?? 'page'}`);
        if (button) await button.evaluate((element) => element.click());
      }
      await turn(page, pair, PAIRS[(at + 1) % PAIRS.length]);
    }
  }
  await page.setViewportSize(before);
  await page.evaluate((home) => window.__citywall.map.jumpTo(home), view);
  return found;
}
