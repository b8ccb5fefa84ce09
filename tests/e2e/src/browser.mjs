// Chromium with software WebGL, and a watch on everything the page must not do.
import { chromium } from 'playwright-core';

const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
];

/** Opens a browser window; `faults` grows by every request to another host and every error. */
export async function openBrowser({ server, width, height, locale, theme }) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: ARGUMENTS,
  });
  const context = await browser.newContext({
    viewport: { width, height },
    locale,
    colorScheme: theme,
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  page.setDefaultTimeout(120_000);
  const faults = [];
  // While the server is down on purpose, or asked for what it must refuse, the browser's own report of that is no fault.
  const watch = { outage: false, refusal: false };
  const host = new URL(server).host;

  page.on('request', (request) => {
    const url = new URL(request.url());
    if (/^(https?|wss?):$/.test(url.protocol) && url.host !== host) faults.push(`a request to ${url.host}: ${url.href}`);
  });
  page.on('websocket', (socket) => {
    if (new URL(socket.url()).host !== host) faults.push(`a WebSocket to ${socket.url()}`);
  });
  page.on('console', (message) => {
    if (message.type() !== 'error') return;
    if (watch.outage && /ERR_CONNECTION|ERR_EMPTY_RESPONSE|ERR_SOCKET|WebSocket|503/.test(message.text())) return;
    if (watch.refusal && /status of 400/.test(message.text())) return;
    faults.push(`console error: ${message.text()} (${message.location().url})`);
  });
  page.on('pageerror', (error) => faults.push(`uncaught: ${error.stack ?? error.message}`));
  page.on('response', (response) => {
    if (response.status() >= 400 && !watch.outage && !(watch.refusal && response.status() === 400)) faults.push(`${response.status()} for ${response.url()}`);
  });
  return { browser, page, faults, watch };
}
