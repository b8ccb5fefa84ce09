// How long the first view of the city takes on a server that is warm: from the navigation, in a browser
// that has nothing of the page yet, to the map's first rest with the city's own layers drawn.
//
// CITYWALL_URL   the server (required when run by itself)
// VIEWS          how many times (default 5), each in a context of its own
import { openBrowser } from './browser.mjs';

/** What the page is asked to note: the first rest of the map with something drawn, in milliseconds. */
const note = () => {
  const marks = { first: null, map: null };
  window.__firstView = marks;
  const watch = () => {
    const map = window.__citywall?.map;
    if (!map) return requestAnimationFrame(watch);
    marks.map = performance.now();
    const atRest = () => {
      const now = performance.now();
      if (map.areTilesLoaded() && map.queryRenderedFeatures().length > 0) marks.first = now;
      else map.once('idle', atRest);
    };
    map.once('idle', atRest);
  };
  watch();
};

/**
 * Opens the page once in a new context of a browser: milliseconds from the navigation to the script's
 * end, to the map's first frame that it was asked for, and to its first rest; the requests and their bytes.
 */
export async function firstView(browser, address, headers = {}) {
  const context = await browser.newContext({ viewport: { width: 1366, height: 768 }, locale: 'zh-CN', colorScheme: 'dark', extraHTTPHeaders: headers });
  try {
    const page = await context.newPage();
    await page.addInitScript(note);
    await page.goto(address);
    await page.waitForFunction(() => window.__firstView.first !== null, null, { timeout: 180_000 });
    return await page.evaluate(() => {
      const [{ domContentLoadedEventEnd }] = performance.getEntriesByType('navigation');
      const requests = performance.getEntriesByType('resource').filter(({ startTime }) => startTime < window.__firstView.first);
      return {
        loaded_ms: Math.round(domContentLoadedEventEnd),
        map_ms: Math.round(window.__firstView.map),
        first_view_ms: Math.round(window.__firstView.first),
        requests: requests.length,
        kilobytes: Math.round(requests.reduce((sum, { transferSize }) => sum + transferSize, 0) / 1000),
        last_answer_ms: Math.round(Math.max(...requests.map(({ responseEnd }) => responseEnd))),
        slowest: requests.map(({ name, startTime, responseEnd }) => `${new URL(name).pathname.slice(-60)} ${Math.round(startTime)}–${Math.round(responseEnd)}`),
      };
    });
  } finally {
    await context.close();
  }
}

/** The middle one of several views, in the form of a row of BENCHMARKS.md. */
export function row(views) {
  const middle = [...views].sort((a, b) => a.first_view_ms - b.first_view_ms)[Math.floor(views.length / 2)];
  const [least, most] = [Math.min, Math.max].map((of) => of(...views.map(({ first_view_ms: ms }) => ms)));
  return `| First view of the city, software WebGL, ${views.length} views | ${middle.first_view_ms} ms (${least}–${most}); `
    + `script ${middle.loaded_ms}, map ${middle.map_ms}, last answer ${middle.last_answer_ms}; ${middle.requests} requests, ${middle.kilobytes} kB | under 2,000 ms |`;
}

if (process.argv[1]?.endsWith('first-view.mjs')) {
  const server = process.env.CITYWALL_URL;
  if (!server) {
    console.error('CITYWALL_URL is not set; set it to the address of a running server');
    process.exit(2);
  }
  const { browser } = await openBrowser({ server, width: 1366, height: 768, locale: 'zh-CN', theme: 'dark' });
  const views = [];
  // The first one is for the server's caches.
  for (let at = 0; at <= Number(process.env.VIEWS ?? 5); at += 1) views.push(await firstView(browser, `${server.replace(/\/$/, '')}/map`));
  if (process.env.REQUESTS) for (const line of views.at(-1).slowest) console.log(line);
  console.log(row(views.slice(1)));
  await browser.close();
}
