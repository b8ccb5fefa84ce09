import { svelte } from '@sveltejs/vite-plugin-svelte';
import { readFileSync } from 'node:fs';
import { defineConfig, type Plugin } from 'vite';

// In development the page runs on Vite's port and asks a running server for its data:
// CITYWALL_URL=http://127.0.0.1:8080 npm run dev
const server = process.env['CITYWALL_URL'] ?? 'http://127.0.0.1:8080';

/** What is shipped in the page, with the file that holds its licence. */
const SHIPPED = {
  'maplibre-gl': 'LICENSE.txt',
  svelte: 'LICENSE.md',
  '@fontsource-variable/inter': 'LICENSE',
  echarts: 'LICENSE',
  zrender: 'LICENSE',
  suncalc: 'LICENSE',
  'swagger-ui-dist': 'LICENSE',
  three: 'LICENSE',
  '3d-tiles-renderer': 'LICENSE',
  '@turf/area': 'LICENSE',
  '@turf/length': 'LICENSE',
  '@turf/kinks': 'LICENSE',
};

/** Puts the licences of what is shipped beside the page, as they ask. */
const licences: Plugin = {
  name: 'licences',
  apply: 'build',
  generateBundle() {
    const texts = Object.entries(SHIPPED).map(([name, file]) => `${name}\n\n${readFileSync(`node_modules/${name}/${file}`, 'utf8')}`);
    this.emitFile({ type: 'asset', fileName: 'licences.txt', source: texts.join(`\n\n${'-'.repeat(80)}\n\n`) });
  },
};

export default defineConfig({
  // Every address in the built page is relative, so that a public prefix needs no second build.
  base: './',
  plugins: [svelte(), licences],
  build: {
    target: 'es2022',
    // Fonts and images stay files: the page's content security policy allows no data: fonts.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1800,
    rollupOptions: { input: ['index.html', 'api.html'] },
  },
  server: {
    // The server takes changes from its own pages alone, so the requests come from its own address.
    proxy: Object.fromEntries(['/api?', '/city', '/collections', '/styles', '/tiles', '/live', '/login', '/session'].map((path) =>
      [path, { target: server, ws: path === '/live', changeOrigin: true, headers: { origin: server } }])),
  },
});
