// Measures how the map page bears a storm of events: `npm run --silent storm`.
//
// It opens the page, sends events at a steady pace for a while, moves the camera meanwhile as a person
// would, and prints how long the tasks of the page's main thread were: by the clock, which counts waiting
// for a processor that others use, and in processor time, which does not. A row of BENCHMARKS.md and one
// line of JSON come last.
//
// CITYWALL_URL      the server, such as http://127.0.0.1:8080 (required)
// STORM_RATE        events a second (default 2000)
// STORM_SECONDS     how long it is measured (default 20)
// STORM_OPEN        how many events are open at a time (default 5000)
// STORM_TRACE       a file for the trace with a profile, to be opened in Chromium's DevTools
// CITYWALL_PICTURES a folder for a screenshot at the end
import { writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { openBrowser } from './browser.mjs';
import { City } from './city.mjs';
import { waitForLine, waitForMap } from './page.mjs';

const { CITYWALL_URL: server, STORM_TRACE: traceFile, CITYWALL_PICTURES: shots } = process.env;
if (!server) {
  console.error('CITYWALL_URL is not set; set it to the address of a running server, such as http://127.0.0.1:8080');
  process.exit(2);
}
const RATE = Number(process.env.STORM_RATE ?? 2_000);
const SECONDS = Number(process.env.STORM_SECONDS ?? 20);
const OPEN = Number(process.env.STORM_OPEN ?? 5_000);
const WARM_UP_SECONDS = 5;
/** A task of the main thread longer than this is felt. */
const TASK_MAX_MS = 100;
const BATCHES_PER_SECOND = 20;

const city = new City(server, process.env.CITYWALL_TOKEN);
const { browser, page, faults } = await openBrowser({ server, width: 1920, height: 1080, locale: 'zh-CN', theme: 'dark' });

/** Of every twenty events sixteen change an open one, two are new and two are cleared. */
class Storm {
  sent = 0;
  refused = 0;
  #next = 0;
  #oldest = 0;
  #random = 1;
  #run = Date.now();

  constructor([west, south, east, north]) {
    this.bounds = [west, south, east, north];
  }

  /** Numbers that look like chance and are the same in every run (Lehmer, 1951). */
  chance() {
    this.#random = (this.#random * 48_271) % 2_147_483_647;
    return this.#random / 2_147_483_647;
  }

  feature(number, status) {
    const [west, south, east, north] = this.bounds;
    const properties = { source: 'storm', time: new Date().toISOString(), title: `Storm ${number}`, level: 1 + Math.floor(this.chance() * 4), status };
    const coordinates = [west + (east - west) * this.chance(), south + (north - south) * this.chance()];
    return { type: 'Feature', id: `storm-${this.#run}-${number}`, geometry: { type: 'Point', coordinates }, properties };
  }

  batch(size) {
    return Array.from({ length: size }, (_, i) => {
      const open = this.#next - this.#oldest;
      if (open < OPEN || i % 20 < 2) return this.feature(this.#next++, 'open');
      if (i % 20 < 4) return this.feature(this.#oldest++, 'cleared');
      return this.feature(this.#oldest + Math.floor(this.chance() * open), 'handling');
    });
  }

  async post(features) {
    const response = await fetch(city.address('collections/events/items'), {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson', prefer: 'return=minimal', ...city.headers },
      body: features.map((feature) => JSON.stringify(feature)).join('\n'),
    });
    if (response.ok) this.sent += features.length;
    else this.refused += features.length;
    await response.arrayBuffer();
  }

  /** Clears what is still open. */
  async calm() {
    for (let from = this.#oldest; from < this.#next; from += 500) {
      await this.post(Array.from({ length: Math.min(500, this.#next - from) }, (_, i) => this.feature(from + i, 'cleared')));
    }
  }

  /** Sends at the pace until `stop` resolves. */
  async blow(stop) {
    let blowing = true;
    void stop.then(() => (blowing = false));
    const start = Date.now();
    let due = 0;
    while (blowing) {
      const late = Math.floor(((Date.now() - start) / 1000) * RATE) - due;
      if (late > 0) {
        const size = Math.min(late, 1_000);
        due += size;
        await this.post(this.batch(size));
      }
      await sleep(1000 / BATCHES_PER_SECOND);
    }
  }
}

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** The tasks of the page's main thread, in milliseconds. */
function mainTasks(trace) {
  const { traceEvents } = JSON.parse(trace);
  const threads = new Map(traceEvents.filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain').map(({ pid, tid }) => [`${pid} ${tid}`, []]));
  for (const { name, pid, tid, dur, tdur } of traceEvents) {
    if (name === 'RunTask' && dur !== undefined) threads.get(`${pid} ${tid}`)?.push({ wall: dur / 1000, cpu: (tdur ?? 0) / 1000 });
  }
  return [...threads.values()].sort((a, b) => b.length - a.length)[0] ?? [];
}

try {
  const { extent, home } = await city.document();
  await page.goto(city.address('map/'));
  await waitForLine(page, 'live');
  await waitForMap(page);
  const [longitude, latitude] = home ? [home.longitude, home.latitude] : [(extent[0] + extent[2]) / 2, (extent[1] + extent[3]) / 2];
  const storm = new Storm([longitude - 0.12, latitude - 0.08, longitude + 0.12, latitude + 0.08]);
  let stop = () => {};
  const blowing = storm.blow(new Promise((done) => (stop = done)));
  await sleep(WARM_UP_SECONDS * 1000);

  await browser.startTracing(page, { categories: ['toplevel', 'devtools.timeline', 'disabled-by-default-devtools.timeline', ...(traceFile ? ['disabled-by-default-v8.cpu_profiler'] : [])] });
  const [from, sent, revision] = [Date.now(), storm.sent, await page.evaluate(() => {
    window.__from = performance.now();
    window.__frames = 0;
    const count = () => {
      window.__frames += 1;
      requestAnimationFrame(count);
    };
    requestAnimationFrame(count);
    return window.__citywall.live().revision;
  })];
  while (Date.now() - from < SECONDS * 1000) {
    await page.mouse.move(600 + 200 * Math.sin(Date.now() / 900), 500);
    await sleep(250);
  }
  const measured = await page.evaluate(() => ({ seconds: (performance.now() - window.__from) / 1000, frames: window.__frames, revision: window.__citywall.live().revision, open: window.__citywall.live().items.size }));
  const rate = ((storm.sent - sent) / (Date.now() - from)) * 1000;
  const trace = await browser.stopTracing();
  if (traceFile) writeFileSync(traceFile, trace);
  if (shots) await page.screenshot({ path: join(shots, 'storm.png'), timeout: 60_000 });
  stop();
  await blowing;
  await storm.calm();

  const tasks = mainTasks(trace);
  const over = (of) => tasks.filter((task) => task[of] > TASK_MAX_MS).length;
  const longest = (of) => Math.round(Math.max(...tasks.map((task) => task[of])));
  const found = {
    events_per_second: Math.round(rate),
    refused: storm.refused,
    open: measured.open,
    revisions_per_second: Math.round((measured.revision - revision) / measured.seconds),
    seconds: Math.round(measured.seconds),
    busy_percent: Math.round(tasks.reduce((sum, { cpu }) => sum + cpu, 0) / measured.seconds / 10),
    tasks_over_100_ms: over('wall'),
    longest_ms: longest('wall'),
    tasks_over_100_cpu_ms: over('cpu'),
    longest_cpu_ms: longest('cpu'),
    frames_per_second: Math.round(measured.frames / measured.seconds),
  };
  const result = `${found.events_per_second} events a second for ${found.seconds} s, ${found.open} open: ${found.tasks_over_100_ms} tasks over ${TASK_MAX_MS} ms, the longest ${found.longest_ms} ms; ${found.tasks_over_100_cpu_ms} of processor time, the longest ${found.longest_cpu_ms} ms; the main thread is busy ${found.busy_percent} % of the time`;
  const machine = `${cpus()[0].model}, ${cpus().length} cores, load ${loadavg()[0].toFixed(2)}; drawn in software`;
  console.log(`| ${new Date().toISOString().slice(0, 10)} | page | ${result} | none | no task over ${TASK_MAX_MS} ms at 2,000 events a second | ${machine} | \`CITYWALL_URL=… npm run --silent storm\` in tests/e2e |`);
  console.log(JSON.stringify(found));
  for (const fault of faults) console.error(`fault: ${fault}`);
  if (faults.length > 0) process.exitCode = 1;
} finally {
  await browser.close();
}
