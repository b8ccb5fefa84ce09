/// <reference types="svelte" />
/// <reference types="vite/client" />

interface Window {
  /** For tests from outside: the map, the live state and the state of the line. */
  __citywall?: {
    map: import('maplibre-gl').Map;
    live: () => import('./live/state').LiveState;
    line: () => import('./live/connection').Line;
  };
}
