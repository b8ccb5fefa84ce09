// What the page shows, asked through the window.__citywall hook and the page's own elements.

// Software drawing on a machine that is busy with other tests is slow.
const PATIENCE_MS = 180_000;

/** Waits until every tile in sight is there and drawn. */
export async function waitForMap(page) {
  await page.waitForFunction(
    () => window.__citywall?.map.areTilesLoaded() && window.__citywall.map.queryRenderedFeatures().length > 0,
    null,
    { timeout: PATIENCE_MS, polling: 500 },
  );
}

export const waitForLine = (page, line) =>
  page.waitForFunction((wanted) => window.__citywall?.line() === wanted, line, { timeout: PATIENCE_MS });

/** The collections of which at least one feature is drawn. */
export const drawnCollections = (page) =>
  page.evaluate(() => [...new Set(window.__citywall.map.queryRenderedFeatures().map((feature) => feature.source))]);

/** Waits until an event's marker is drawn; resolves to its place on the screen. */
export async function waitForMarker(page, id) {
  const handle = await page.waitForFunction(
    (wanted) => {
      const { map } = window.__citywall;
      const found = map.queryRenderedFeatures({ layers: ['live:icon'] }).find((feature) => feature.properties.id === wanted);
      if (!found) return null;
      const { x, y } = map.project(found.geometry.coordinates);
      return { x, y, level: found.properties.level };
    },
    id,
    { timeout: PATIENCE_MS },
  );
  return handle.jsonValue();
}

export const waitForNoMarker = (page, id) =>
  page.waitForFunction(
    (wanted) => !window.__citywall.map.queryRenderedFeatures({ layers: ['live:icon'] }).some((feature) => feature.properties.id === wanted),
    id,
    { timeout: PATIENCE_MS },
  );

export const eventRow = (page, id) => page.locator(`[data-event="${id}"]`);
