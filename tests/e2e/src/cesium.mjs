// Draws a layer's 3D Tiles in CesiumJS, as a planner's own software would: `node cesium.mjs SERVER COLLECTION`.
//
// Every tile in sight has to load without an error, and what is picked has to be an item of the
// collection with the height that its tile states. Prints one line of JSON.
//
// CITYWALL_PICTURES a folder for screenshots (none are kept without it)
import assert from 'node:assert/strict';
import { createReadStream, mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, extname, join, normalize } from 'node:path';
import { openBrowser } from './browser.mjs';

const [server, collection] = process.argv.slice(2);
const shots = process.env.CITYWALL_PICTURES;
if (shots) mkdirSync(shots, { recursive: true });
const library = join(dirname(createRequire(import.meta.url).resolve('cesium/package.json')), 'Build/Cesium');
const TYPES = { '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json', '.wasm': 'application/wasm' };

/** The picture's size: drawn in software, every pixel costs. */
const [WIDTH, HEIGHT] = [960, 540];

const PAGE = `<!doctype html><meta charset="utf-8"><style>html,body,#view,.cesium-widget,canvas{margin:0;width:100%;height:100%;overflow:hidden}</style>
<div id="view"></div><script>window.CESIUM_BASE_URL = '/cesium/';</script><script src="/cesium/Cesium.js"></script>`;

/** A host of the page and of CesiumJS that hands the rest on to the server, so that all is of one origin. */
const host = createServer(async (request, response) => {
  const { pathname, search } = new URL(request.url, 'http://localhost');
  if (pathname === '/') return response.setHeader('content-type', 'text/html').end(PAGE);
  if (pathname === '/favicon.ico') return response.writeHead(204).end();
  if (pathname.startsWith('/cesium/')) {
    const file = join(library, normalize(pathname.slice('/cesium/'.length)));
    response.setHeader('content-type', TYPES[extname(file)] ?? 'application/octet-stream');
    return createReadStream(file).on('error', () => response.writeHead(404).end()).pipe(response);
  }
  const answer = await fetch(new URL(`${pathname}${search}`, server));
  response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
  response.end(Buffer.from(await answer.arrayBuffer()));
});
await new Promise((done) => host.listen(0, '127.0.0.1', done));
const address = `http://127.0.0.1:${host.address().port}/`;
const { browser, page, faults } = await openBrowser({ server: address, width: WIDTH, height: HEIGHT, locale: 'en-GB', theme: 'light' });

/** Looks at the tileset's middle, from as many of its sphere's radii or metres away, and waits for every tile in sight. */
async function look({ radii = 0, metres = 0 }, degreesDown) {
  return page.evaluate(async ([radii, distance, down]) => {
    const { tileset, scene } = window.seen;
    const { radius } = tileset.boundingSphere;
    const offset = new Cesium.HeadingPitchRange(Cesium.Math.toRadians(20), Cesium.Math.toRadians(-down), distance || radius * radii);
    scene.camera.lookAt(tileset.boundingSphere.center, offset);
    scene.camera.lookAtTransform(Cesium.Matrix4.IDENTITY);
    do {
      await new Promise((done) => requestAnimationFrame(done));
      scene.render();
    } while (!tileset.tilesLoaded || tileset.statistics.selected === 0);
    scene.render();
    const { selected, numberOfFeaturesSelected, numberOfTrianglesSelected } = tileset.statistics;
    return { tiles: selected, features: numberOfFeaturesSelected, triangles: numberOfTrianglesSelected };
  }, [radii, metres, degreesDown]);
}

try {
  await page.goto(address);
  await page.evaluate(async (id) => {
    const widget = new Cesium.CesiumWidget('view', {
      baseLayer: false, skyBox: false, skyAtmosphere: false, useDefaultRenderLoop: false, msaaSamples: 1,
      creditContainer: document.createElement('div'), contextOptions: { webgl: { preserveDrawingBuffer: true } },
    });
    widget.resize();
    const { scene } = widget;
    scene.globe.baseColor = Cesium.Color.fromCssColorString('#dcd8ce');
    scene.globe.showGroundAtmosphere = false;
    scene.light = new Cesium.DirectionalLight({ direction: new Cesium.Cartesian3(0.35, 0.6, -0.72) });
    const failures = [];
    scene.renderError.addEventListener((_, error) => failures.push(String(error)));
    const tileset = await Cesium.Cesium3DTileset.fromUrl(`/collections/${id}/3dtiles/tileset.json`);
    tileset.tileFailed.addEventListener(({ url, message }) => failures.push(`${url}: ${message}`));
    scene.primitives.add(tileset);
    window.seen = { scene, tileset, failures };
  }, collection);

  const shoot = async (name) => shots && page.screenshot({ path: join(shots, `${name}.png`), timeout: 60_000 });
  const whole = await look({ radii: 2.2 }, 50);
  await shoot('whole');
  const near = await look({ metres: 800 }, 32);
  await shoot('near');

  const picked = await page.evaluate(([width, height]) => {
    const { scene, failures } = window.seen;
    const found = new Map();
    for (let x = 1; x < 8; x += 1) {
      for (let y = 3; y < 8; y += 1) {
        const feature = scene.pick(new Cesium.Cartesian2((width * x) / 8, (height * y) / 8));
        const id = feature?.getProperty?.('id');
        if (id !== undefined) found.set(id, { id, height: feature.getProperty('height') });
      }
    }
    return { found: [...found.values()], failures };
  }, [WIDTH, HEIGHT]);
  assert.deepEqual(picked.failures, [], 'CesiumJS reports errors');
  assert.deepEqual(faults, [], 'the browser reports errors');
  assert.ok(picked.found.length > 5, `only ${picked.found.length} buildings could be picked`);

  const items = await Promise.all(picked.found.slice(0, 12).map(async ({ id, height }) => {
    const answer = await fetch(new URL(`collections/${collection}/items/${encodeURIComponent(id)}`, server), { headers: { accept: 'application/geo+json' } });
    assert.equal(answer.status, 200, `what is picked as ${id} is an item`);
    return { id, height, properties: (await answer.json()).properties };
  }));
  console.log(JSON.stringify({ whole, near, picked: picked.found.length, items }));
} finally {
  await browser.close();
  host.close();
  host.closeAllConnections();
}
