import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

// In development the page runs on Vite's port and asks a running server for its data:
// CITYWALL_URL=http://127.0.0.1:8080 npm run dev
const server = process.env['CITYWALL_URL'] ?? 'http://127.0.0.1:8080';

export default defineConfig({
  // Every address in the built page is relative, so that a public prefix needs no second build.
  base: './',
  plugins: [svelte()],
  build: {
    target: 'es2022',
    // Fonts and images stay files: the page's content security policy allows no data: fonts.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1600,
  },
  server: {
    proxy: {
      '/city': server,
      '/collections': server,
      '/live': { target: server, ws: true },
      '/login': server,
      '/session': server,
    },
  },
});
