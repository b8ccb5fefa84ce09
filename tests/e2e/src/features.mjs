// Walks through the tools of the map page on whatever city is served: each step uses one as a person would.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { waitForMap } from './page.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** The faults of accessibility that axe-core calls serious or critical, as lines. */
export async function seriousViolations(page) {
  // The page's own policy takes no script from elsewhere, and this one is from the test itself.
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target.join(' ')} (${failureSummary})`).join('; ')}`);
}

const tool = (page, id) => page.locator(`[data-tool="${id}"]`);

async function open(page, id) {
  await tool(page, id).click();
  await page.locator(`[data-card="${id}"]`).waitFor();
}

async function close(page, id) {
  await tool(page, id).click();
  await page.locator(`[data-card="${id}"]`).waitFor({ state: 'detached' });
}

/** The steps in order: a name, and what to do. `shoot` takes a picture. */
export function featureSteps({ page, city, document, shoot, watch }) {
  const layers = document.collections.filter(({ kind, count }) => kind === 'layer' && count > 0);
  const buildings = layers.find(({ id }) => /building/.test(id)) ?? layers[0];
  const ground = document.collections.some(({ kind }) => kind === 'elevation');
  const middle = async () => {
    const box = await page.locator('#map').boundingBox();
    return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  };
  const items = async (collection, query) => {
    const response = await fetch(city.address(`collections/${collection}/items?${new URLSearchParams(query)}`), { headers: { accept: 'application/geo+json', ...city.headers } });
    assert.ok(response.ok, `items of ${collection}: ${response.status}`);
    return response.json();
  };

  return [
    ['coordinates are found as they are and, in China, as GCJ-02', async () => {
      const search = page.getByRole('combobox', { name: /搜索|Search/ });
      await search.fill('39.13, 117.2');
      await page.locator('[role="option"]').nth(1).waitFor();
      assert.match(await page.locator('[role="option"]').nth(1).innerText(), /GCJ-02/);
      await search.press('Escape');
      await search.press('Escape');
    }],
    ['an item is found by its name or code and chosen', async () => {
      const { features } = await items(buildings.id, { limit: '50' });
      const named = features.find(({ properties }) => typeof properties.name === 'string' && properties.name.length > 2) ?? features[0];
      const search = page.getByRole('combobox', { name: /搜索|Search/ });
      await search.fill(named.properties.name ?? String(named.id));
      await page.locator('[role="option"]').first().waitFor();
      await search.press('Enter');
      await page.locator('section.inspector dt').first().waitFor();
      await shoot('feature-search');
      await page.locator('section.inspector .close').click();
      await page.evaluate(() => window.__citywall.map.stop());
    }],
    ['a rectangle selects exactly what the server says is in it, with statistics and a chart', async () => {
      await page.locator('[data-tool="select"]').click();
      const { x, y } = await middle();
      const corners = [[x - 60, y - 50], [x + 60, y + 50]];
      for (const [cx, cy] of corners) await page.mouse.click(cx, cy);
      await page.locator('[data-count]').waitFor();
      const [[west, north], [east, south]] = await page.evaluate((places) => places.map((place) => window.__citywall.map.unproject(place).toArray()), corners);
      const { numberMatched } = await items(await page.locator('[data-card="select"] select').first().inputValue(), { bbox: [west, south, east, north].join(','), limit: '1' });
      assert.equal(Number(await page.locator('[data-count]').getAttribute('data-count')), numberMatched);
      if (numberMatched > 0) await page.locator('[data-card="select"] .chart svg').waitFor();
      await shoot('feature-select');
      await close(page, 'select');
    }],
    ['a line and an area are measured', async () => {
      await open(page, 'measure');
      const { x, y } = await middle();
      await page.mouse.click(x - 80, y);
      await page.mouse.dblclick(x + 80, y);
      const expected = await page.evaluate(([a, b]) => window.__citywall.map.unproject(a).distanceTo(window.__citywall.map.unproject(b)), [[x - 80, y], [x + 80, y]]);
      const text = await page.locator('[data-measure="distance"]').innerText();
      const metres = Number(text.replace(/[^\d.]/g, '')) * (text.includes('km') ? 1000 : 1);
      assert.ok(Math.abs(metres / expected - 1) < 0.01, `${text}, where the map says ${expected} m`);
      await page.locator('[data-card="measure"] .segments button').nth(1).click();
      await page.mouse.click(x - 80, y - 60);
      await page.mouse.click(x + 80, y - 60);
      await page.mouse.dblclick(x + 80, y + 60);
      await page.locator('[data-measure="area"]').waitFor();
      await shoot('feature-measure');
      if (ground) {
        await page.locator('[data-card="measure"] .segments button').nth(2).click();
        await page.mouse.click(x - 80, y);
        await page.mouse.dblclick(x + 80, y);
        await page.locator('[data-measure="profile"]').waitFor();
      }
      await close(page, 'measure');
    }],
    ['a filter in CQL2 thins the layer, and a wrong one is refused with its place', async () => {
      await page.locator(`[data-settings="${buildings.id}"]`).click();
      const field = page.locator(`[data-filter="${buildings.id}"]`);
      watch.refusal = true;
      await field.fill('no_such_thing > 1');
      await field.press('Enter');
      assert.match(await page.locator('nav [role="alert"]').innerText(), /no_such_thing/);
      watch.refusal = false;
      const [name] = buildings.fields.find(([, type]) => type === 'number' || type === 'integer') ?? ['id'];
      await field.fill(`${name} > 1000000`);
      await field.press('Enter');
      await page.waitForFunction((id) => window.__citywall.map.getSource(id)?.tiles[0].includes('&filter='), buildings.id);
      // Nothing is that large.
      await page.waitForFunction((id) => !window.__citywall.map.queryRenderedFeatures().some(({ source }) => source === id), buildings.id, { timeout: 90_000, polling: 500 });
      await page.locator('nav .settings .quiet').click();
    }],
    ['a style by attribute is tried, kept in the city, and removed again', async () => {
      await page.locator(`[data-style="${buildings.id}"]`).click();
      await page.locator(`[data-kind="${buildings.id}"]`).selectOption('graduated');
      await page.waitForFunction((id) => window.__citywall.map.getLayer(`${id}:kept-fill`) !== undefined, buildings.id);
      await waitForMap(page);
      await shoot('feature-style');
      await page.locator('[data-act="keep-style"]').click();
      await page.locator(`[data-style="${buildings.id}"]`).waitFor();
      const kept = await fetch(city.address(`collections/${buildings.id}/styles/${buildings.id}`), { headers: city.headers });
      assert.equal(kept.status, 200);
      assert.equal((await kept.json()).layers[0]['source-layer'], buildings.id);
      await page.locator(`[data-style="${buildings.id}"]`).click();
      await page.locator('nav .settings .form .buttons button').nth(1).click();
      await page.waitForFunction((id) => window.__citywall.map.getLayer(`${id}:kept-fill`) === undefined, buildings.id);
      await page.locator(`[data-settings="${buildings.id}"]`).click();
    }],
    ['a style that someone else puts is drawn without a reload, and goes again', async () => {
      const address = city.address(`collections/${buildings.id}/styles/${buildings.id}`);
      const style = {
        version: 8, name: 'e2e', sources: { [buildings.id]: { type: 'vector' } },
        layers: [{ id: 'pushed', type: 'fill', source: buildings.id, 'source-layer': buildings.id, paint: { 'fill-color': '#2f9e8f' } }],
      };
      const put = await fetch(address, { method: 'PUT', headers: { 'content-type': 'application/vnd.mapbox.style+json', ...city.headers }, body: JSON.stringify(style) });
      assert.ok(put.ok, `PUT of a style answered ${put.status}: ${await put.text()}`);
      await page.waitForFunction((id) => window.__citywall.map.getLayer(`${id}:kept-pushed`) !== undefined, buildings.id, { timeout: 30_000 });
      await fetch(address, { method: 'DELETE', headers: city.headers });
      await page.waitForFunction((id) => window.__citywall.map.getLayer(`${id}:kept-pushed`) === undefined, buildings.id, { timeout: 30_000 });
    }],
    ['a plan drawn across itself is refused; a sound one is drawn, changed and removed', async () => {
      await open(page, 'edit');
      const make = page.locator('[data-act="make"]');
      if (await make.count()) await make.click();
      await page.locator('[data-act="draw"]').click();
      const { x, y } = await middle();
      const draw = async (corners) => {
        for (const [cx, cy] of corners.slice(0, -1)) await page.mouse.click(cx, cy);
        await page.mouse.dblclick(...corners.at(-1));
      };
      await draw([[x - 70, y - 60], [x + 70, y + 60], [x + 70, y - 60], [x - 70, y + 60]]);
      await page.locator('[data-fault]').waitFor();
      assert.ok(await page.locator('[data-act="save"]').isDisabled());
      await shoot('feature-crossed');
      await page.locator('[data-act="redraw"]').click();
      await draw([[x - 70, y - 60], [x + 70, y - 60], [x + 70, y + 60], [x - 70, y + 60]]);
      await page.locator('[data-fault]').waitFor({ state: 'detached' });
      await page.locator('[data-field="title"]').fill('A-01');
      await page.locator('[data-act="save"]').click();
      await page.locator('[data-done]').waitFor();
      const plans = await page.locator('[data-card="edit"] select').inputValue();
      await page.waitForFunction((id) => window.__citywall.map.queryRenderedFeatures().some(({ source }) => source === id), plans, { timeout: 60_000, polling: 300 });
      // Beside the event in the middle, which lies on top.
      await page.mouse.click(x - 45, y - 35);
      await page.locator('[data-act="take"]:enabled').click();
      await page.locator('[data-field="height"]').fill('80');
      await page.locator('[data-act="save"]').click();
      await page.locator('[data-done]').waitFor();
      await shoot('feature-plan');
      await page.locator('[data-act="take"]:enabled').click();
      assert.equal(await page.locator('[data-field="height"]').inputValue(), '80');
      await page.locator('[data-act="remove"]').click();
      await page.locator('[data-done]').waitFor();
      await close(page, 'edit');
    }],
    ['a note is set and travels in the shared address', async () => {
      await open(page, 'notes');
      const { x, y } = await middle();
      await page.mouse.click(x, y);
      await page.locator('[data-card="notes"] input').fill('看这里');
      await open(page, 'share');
      const address = await page.locator('[data-card="share"] textarea').inputValue();
      assert.match(decodeURIComponent(address), /看这里/);
      await close(page, 'share');
      const other = await page.context().newPage();
      await other.goto(address);
      await other.locator('[data-tool="notes"]').click();
      assert.equal(await other.locator('[data-card="notes"] input').inputValue(), '看这里');
      await other.close();
    }],
    ['the past is shown at an instant, plays, and gives way to now', async () => {
      await open(page, 'time');
      const slider = page.locator('[data-card="time"] input[type="range"]');
      await slider.focus();
      for (let i = 0; i < 10; i += 1) await page.keyboard.press('ArrowLeft');
      await page.locator('.play').click();
      const instant = () => page.locator('[data-instant]').getAttribute('data-instant').then(Number);
      const before = await instant();
      await page.waitForFunction((then) => Number(globalThis.document.querySelector('[data-instant]').dataset.instant) > then, before);
      await shoot('feature-time');
      await close(page, 'time');
    }],
    ['imagery is in the layer tree, is drawn, and lets shine through what is below', async () => {
      const imagery = document.collections.find(({ kind }) => kind === 'imagery');
      if (!imagery) return;
      const before = await page.evaluate(() => ({ center: window.__citywall.map.getCenter().toArray(), zoom: window.__citywall.map.getZoom() }));
      const [west, south, east, north] = imagery.extent;
      await page.evaluate((center) => window.__citywall.map.jumpTo({ center, zoom: 14 }), [(west + east) / 2, (south + north) / 2]);
      await waitForMap(page);
      assert.ok(await page.evaluate(() => performance.getEntriesByType('resource').some(({ name }) => name.includes('/map/tiles/WebMercatorQuad/14/'))));
      await shoot('feature-imagery');
      await page.locator(`[data-settings="${imagery.id}"]`).click();
      await page.locator('nav .settings input[type="range"]').fill('40');
      await page.waitForFunction((layer) => window.__citywall.map.getPaintProperty(layer, 'raster-opacity') === 0.4, `${imagery.id}:picture`);
      assert.equal(await page.locator(`[data-filter="${imagery.id}"]`).count(), 0);
      await page.locator('nav .settings input[type="range"]').fill('100');
      await page.locator(`[data-settings="${imagery.id}"]`).click();
      await page.locator(`[data-layer="${imagery.id}"]`).uncheck();
      await page.waitForFunction((layer) => window.__citywall.map.getLayoutProperty(layer, 'visibility') === 'none', `${imagery.id}:picture`);
      await page.locator(`[data-layer="${imagery.id}"]`).check();
      await page.evaluate((view) => window.__citywall.map.jumpTo(view), before);
      await waitForMap(page);
    }],
    ['a whole layer is saved as a file, with its count before and its progress after', async () => {
      const largest = layers.reduce((a, b) => (b.count > a.count ? b : a));
      await page.locator(`[data-settings="${largest.id}"]`).click();
      await page.locator(`[data-export="${largest.id}"] summary`).click();
      const exports = page.locator(`[data-exports="${largest.id}"]`);
      const { numberMatched } = await items(largest.id, { limit: '1' });
      assert.equal((await exports.locator('.hint').innerText()).replace(/\D/g, ''), String(numberMatched));
      const save = async (form) => {
        const saved = page.waitForEvent('download');
        await exports.locator(`[data-form="${form}"]`).click();
        const text = readFileSync(await (await saved).path(), 'utf8');
        await exports.locator('[data-progress="done"]').waitFor();
        return text;
      };
      const lines = (await save('geojsonl')).trimEnd().split('\n');
      assert.equal(lines.length, numberMatched);
      assert.equal(JSON.parse(lines.at(-1)).type, 'Feature');
      // The documents are whole as well, however many items there are.
      for (const form of ['json', 'jsonfg']) assert.equal(JSON.parse(await save(form)).features.length, numberMatched, form);
      const table = await save('csv');
      assert.equal(table.codePointAt(0), 0xfeff, 'by which a spreadsheet knows that it is UTF-8');
      assert.ok(table.split('\r\n').length > numberMatched);
      await shoot('feature-export');
      await page.locator(`[data-settings="${largest.id}"]`).click();
    }],
    ['two layers, and two times, stand beside each other', async () => {
      await open(page, 'compare');
      await page.locator('[data-with="layer"]').click();
      const [left, right] = await Promise.all(['leftLayer', 'layer'].map((side) => page.locator(`[data-side="${side}"]`).inputValue()));
      assert.notEqual(left, right);
      // The page's own map is the left side: what stands on the right is not drawn there.
      await page.waitForFunction((id) => {
        const own = window.__citywall.map.getStyle().layers.filter(({ source }) => source === id);
        return own.length > 0 && own.every(({ layout }) => layout?.visibility === 'none');
      }, right);
      await shoot('feature-compare-layers');
      await page.locator('[data-with="past"]').click();
      await page.locator('[data-side="leftHours"]').selectOption({ index: 1 });
      await page.waitForFunction(() => {
        const tags = [...document.querySelectorAll('.divider .tag')].map(({ textContent }) => textContent);
        return tags.length === 2 && tags.every((tag) => /\d/.test(tag)) && tags[0] !== tags[1];
      });
      await page.locator('[data-side="leftHours"]').selectOption({ index: 0 });
      await close(page, 'compare');
    }],
    ['two states stand beside each other, and the divider moves with the keys', async () => {
      await open(page, 'compare');
      const divider = page.getByRole('separator');
      await divider.waitFor();
      const before = Number(await divider.getAttribute('aria-valuenow'));
      await divider.focus();
      await page.keyboard.press('ArrowRight');
      assert.ok(Number(await divider.getAttribute('aria-valuenow')) > before);
      await shoot('feature-compare');
      await close(page, 'compare');
    }],
    ['buildings stand as 3D Tiles, and a click on a wall tells whose it is', async () => {
      const before = await page.evaluate(() => {
        const { map } = window.__citywall;
        return { center: map.getCenter().toArray(), zoom: map.getZoom(), pitch: map.getPitch() };
      });
      await page.evaluate(() => window.__citywall.map.jumpTo({ zoom: 15.6, pitch: 55 }));
      await waitForMap(page);
      await page.waitForFunction(() => window.__citywall.standing(), null, { timeout: 120_000, polling: 500 });
      assert.ok(await page.evaluate(() => performance.getEntriesByType('resource').some(({ name }) => name.includes('/3dtiles/content/'))));
      const found = await page.evaluate(() => {
        const { map, pick } = window.__citywall;
        // The building whose wall rises furthest over its own outline.
        for (let y = 200; y < 600; y += 12) {
          for (let x = 340; x < 940; x += 12) {
            const hit = pick(x, y);
            if (hit && !map.queryRenderedFeatures([x, y]).length) return { x, y, ...hit };
          }
        }
        for (let y = 300; y < 600; y += 12) for (let x = 340; x < 940; x += 12) if (pick(x, y)) return { x, y, ...pick(x, y) };
        return null;
      });
      assert.ok(found, 'no building stands in sight');
      await page.mouse.click(found.x, found.y);
      await page.locator('section.inspector dt').first().waitFor();
      const item = await fetch(city.address(`collections/${found.collection}/items/${encodeURIComponent(found.id)}`), { headers: city.headers });
      assert.equal(item.status, 200, `${found.id} is an item of ${found.collection}`);
      await shoot('feature-standing');
      await page.locator('section.inspector .close').click();
      await page.evaluate((view) => window.__citywall.map.jumpTo(view), before);
    }],
    ['the sun of an hour lights the buildings and casts their shadows', async () => {
      await open(page, 'scene');
      await page.locator('[data-act="sun"]').check();
      await page.locator('[data-act="hour"]').evaluate((input) => {
        // Noon in New York, where the sun stands high on any day of the year.
        input.value = '1020';
        input.dispatchEvent(new Event('input', { bubbles: true }));
      });
      const where = await page.evaluate(() => window.__citywall.map.getCenter().toArray().concat(window.__citywall.map.getZoom()));
      await page.evaluate(() => window.__citywall.map.jumpTo({ zoom: 15.4, pitch: 45 }));
      await waitForMap(page);
      await page.waitForFunction(() => window.__citywall.map.querySourceFeatures('sun:shadows').length > 0, null, { timeout: 60_000, polling: 500 });
      await shoot('feature-sun');
      if (ground) {
        await page.locator('[data-act="terrain"]').check();
        await page.waitForFunction(() => window.__citywall.map.getTerrain() !== null);
        await page.locator('[data-act="terrain"]').uncheck();
      }
      await page.locator('[data-act="sun"]').uncheck();
      await page.evaluate(([lng, lat, zoom]) => window.__citywall.map.jumpTo({ center: [lng, lat], zoom, pitch: 0 }), where);
      await close(page, 'scene');
    }],
    ['two versions of a layer stand beside each other, with what differs between them', async () => {
      await open(page, 'compare');
      await page.locator('[data-with="version"]').click();
      await page.locator('[data-difference], [data-one-version]').first().waitFor();
      const layer = await page.locator('[data-versioned]').inputValue();
      const get = async (path) => (await fetch(city.address(`collections/${layer}/${path}`), { headers: city.headers })).json();
      const { versions } = await get('versions');
      const view = await page.evaluate(() => ({ center: window.__citywall.map.getCenter().toArray(), zoom: window.__citywall.map.getZoom() }));
      if (versions.length > 1) {
        const [before] = versions.slice(-2);
        const { added, removed, changed, features } = await get(`changes?since=${before.revision}&limit=10000`);
        const counts = (await page.locator('[data-difference] dd').allInnerTexts()).map((text) => Number(text.replace(/\D/g, '')));
        assert.deepEqual(counts, [added, removed, changed]);
        await page.waitForFunction(([id, revision]) => window.__citywall.map.getSource(id).tiles[0].endsWith(`as-of=${revision}`), [layer, before.revision]);
        // On the left is the earlier version: what has gone is marked there, what has come is not.
        const roles = async (change) => {
          const ring = features.find((feature) => feature.change === change)?.geometry.coordinates.flat(Infinity);
          if (!ring) return [];
          await page.evaluate((center) => window.__citywall.map.jumpTo({ center, zoom: 17 }), [ring[0], ring[1]]);
          await waitForMap(page);
          await shoot(`feature-compare-versions-${change}`);
          return page.evaluate(() => window.__citywall.map.queryRenderedFeatures({ layers: ['sketch:fill'] }).map(({ properties }) => properties.role));
        };
        assert.ok(removed === 0 || (await roles('removed')).includes('removed'));
        assert.ok(changed === 0 || (await roles('changed')).includes('changed'));
        assert.ok(!(await roles('added')).includes('added'));
        await page.evaluate((before) => window.__citywall.map.jumpTo(before), view);
      } else await shoot('feature-compare-one-version');
      await page.locator('[data-with="past"]').click();
      await close(page, 'compare');
      // The current version is drawn again from tiles of its own.
      await page.evaluate(() => window.__citywall.map.jumpTo({ zoom: 15.4 }));
      await page.waitForFunction((id) => !window.__citywall.map.getSource(id).tiles[0].includes('as-of'), layer);
      await page.waitForFunction((id) => window.__citywall.map.querySourceFeatures(id, { sourceLayer: id }).length > 0, layer, { timeout: 60_000 });
      await page.evaluate((before) => window.__citywall.map.jumpTo(before), view);
    }],
    ['the sheet is saved as PNG and as PDF', async () => {
      await open(page, 'print');
      for (const [act, magic] of [['png', '\x89PNG'], ['pdf', '%PDF-1.4']]) {
        const download = page.waitForEvent('download');
        await page.locator(`[data-act="${act}"]`).click();
        const bytes = readFileSync(await (await download).path());
        assert.equal(bytes.toString('latin1', 0, magic.length), magic);
        assert.ok(bytes.length > 20_000, `${act} has ${bytes.length} bytes`);
        if (process.env.CITYWALL_PICTURES) await (await download).saveAs(`${process.env.CITYWALL_PICTURES}/sheet.${act}`);
      }
      await close(page, 'print');
    }],
    ['axe-core finds nothing serious, with tools open and closed, in both themes', async () => {
      const found = [];
      for (const id of [null, 'select', 'measure', 'edit', 'scene', 'time']) {
        if (id) await tool(page, id).click();
        found.push(...(await seriousViolations(page)).map((line) => `${id ?? 'page'}: ${line}`));
      }
      await tool(page, 'time').click();
      assert.deepEqual(found, []);
    }],
  ];
}
