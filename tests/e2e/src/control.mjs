// Steers a wall with the console in Chromium, and compares each step with the wall's item on the server: a scene, a
// mode, a replay that is paused, sought and ended, an alarm, a drawing, a layer.
//
// CITYWALL_URL      the server, with an alarm “烟雾” that nobody has acknowledged (required)
// CITYWALL_PICTURES a folder for screenshots (none are kept without it)
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { openBrowser } from './browser.mjs';

const server = process.env.CITYWALL_URL;
if (!server) {
  console.error('CITYWALL_URL is not set; set it to the address of a running server, such as http://127.0.0.1:8080');
  process.exit(2);
}
const shots = process.env.CITYWALL_PICTURES;
const PATIENCE_MS = 5_000;
const { browser, page, faults } = await openBrowser({ server, width: 1280, height: 900, locale: 'zh-CN', theme: 'dark' });
const address = (path) => new URL(path, server.endsWith('/') ? server : `${server}/`).href;

async function item(path) {
  const answer = await fetch(address(path));
  return answer.ok ? (await answer.json()).properties : {};
}
const wall = () => item('collections/walls/items/hall');

/** Waits until the server has what the console was told. */
async function until(name, read, fits) {
  const start = Date.now();
  for (;;) {
    const now = await read();
    if (fits(now)) {
      console.log(`ok: ${name} (${Date.now() - start} ms)`);
      return now;
    }
    assert.ok(Date.now() - start < PATIENCE_MS, `${name}: ${JSON.stringify(now)}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

const key = (name) => page.getByRole('button', { name, exact: true });

try {
  await page.goto(address('control?wall=hall'));
  await page.locator('#scenes button', { hasText: '交通' }).click();
  await until('a scene', wall, (now) => now.scene === 'traffic');
  await page.locator('#modes button', { hasText: '演练' }).click();
  await until('a mode', wall, (now) => now.mode === 'drill' && now.scene === 'traffic');

  const alarm = page.locator('#alarms li', { hasText: '烟雾' });
  await alarm.getByRole('button').click();
  await until('an alarm is acknowledged', () => item('collections/alarms/items/烟雾'), (now) => now.status === 'acknowledged');
  await alarm.waitFor({ state: 'detached' });

  await page.locator('#from').fill('2026-03-01T08:00');
  await page.locator('#to').fill('2026-03-01T10:00');
  await page.locator('#speed').selectOption('60');
  await page.locator('#replay').click();
  const playing = await until('a replay', wall, (now) => now.replay?.speed === 60 && !now.replay.paused);
  const [from, to] = [playing.replay.from, playing.replay.to].map(Date.parse);
  assert.equal(to - from, 7_200_000);
  await page.locator('#playing').waitFor();
  await page.locator('#replay-pause').click();
  const paused = await until('it is paused where it is', wall, (now) => now.replay.paused === true);
  assert.ok(Date.parse(paused.replay.at) >= from && Date.parse(paused.replay.at) < from + 600_000, paused.replay.at);
  // To the middle, as the keyboard moves a slider.
  await page.locator('#replay-at').fill('500');
  await until('it is sought', wall, (now) => Math.abs(Date.parse(now.replay.at) - (from + to) / 2) < 10_000 && now.replay.paused);
  await page.locator('#speed').selectOption('600');
  await until('another speed', wall, (now) => now.replay.speed === 600 && Math.abs(Date.parse(now.replay.at) - (from + to) / 2) < 10_000);
  await page.locator('#replay-pause').click();
  await until('it goes on', wall, (now) => now.replay.paused === false);
  if (shots) await page.screenshot({ path: join(shots, 'control.png') });
  await page.locator('#now').click();
  await until('back to now', wall, (now) => !now.replay);
  await page.locator('#playing').waitFor({ state: 'hidden' });

  await page.locator('#draw-tools button', { hasText: '线' }).click();
  const map = page.locator('#draw-map');
  await map.focus();
  for (const press of ['Enter', 'Shift+ArrowRight', 'Enter', 'f']) await map.press(press);
  const drawn = await until('a line is drawn', wall, (now) => now.drawings?.length === 1);
  assert.equal(drawn.drawings[0].points.length, 2);
  await key('清除 Clear 线 Line').click();
  await until('and cleared', wall, (now) => now.drawings.length === 0);

  const layer = page.locator('#layers label', { hasText: 'buildings' });
  await layer.click();
  await until('a layer is hidden', wall, (now) => now.hidden?.includes('buildings'));
  assert.deepEqual(faults, []);
} finally {
  await browser.close();
}
