/// <reference types="svelte" />
/// <reference types="vite/client" />

interface Window {
  /** For tests from outside: the map, its buildings, the live state and the state of the line. */
  __citywall?: {
    map: import('maplibre-gl').Map;
    /** Whether every building in sight stands. */
    standing: () => boolean;
    /** The building at a point of the screen. */
    pick: (x: number, y: number) => import('./map/pick').Hit | null;
    live: () => import('./live/state').LiveState;
    line: () => import('./live/connection').Line;
  };
}
