// The scene in three dimensions: the ground as it rises and falls, the sun, and the shadows it casts.
import type { HillshadeLayerSpecification, LayerSpecification, LightSpecification, SourceSpecification, TerrainSpecification } from 'maplibre-gl';
import { tilesAddress } from '../../api/address';
import type { Layer } from '../../layers/catalogue';
import type { Theme } from '../palette';
import type { StyleContext } from './context';

export const TERRAIN_SOURCE = 'ground:terrain';
export const RELIEF_SOURCE = 'ground:relief';
export const SHADOWS_SOURCE = 'sun:shadows';

/** Deeper than this a grid of heights is only enlarged. */
const TERRAIN_ZOOM_MAX = 13;

export interface Sun {
  /** Degrees clockwise from north. */
  azimuth: number;
  /** Degrees above the horizon. */
  altitude: number;
}

export interface Scene {
  /** The ground rises; its heights are multiplied by this. Null for a flat map. */
  exaggeration: number | null;
  relief: boolean;
  /** Null for the map's usual light, which casts no shadows. */
  sun: Sun | null;
}

interface SceneInput {
  layers: readonly Layer[];
  theme: Theme;
  revisionOf(layer: Layer): number;
  scene: Scene;
}

export const elevationOf = (layers: readonly Layer[]): Layer | undefined => layers.find(({ role }) => role.kind === 'elevation');

export function groundSources(input: SceneInput): Record<string, SourceSpecification> {
  const elevation = elevationOf(input.layers);
  if (!elevation) return {};
  const source: SourceSpecification = {
    type: 'raster-dem',
    tiles: [tilesAddress(elevation.id, input.revisionOf(elevation))],
    tileSize: 256,
    maxzoom: TERRAIN_ZOOM_MAX,
    encoding: 'mapbox',
    ...(elevation.document.extent ? { bounds: elevation.document.extent } : {}),
  };
  return {
    ...(input.scene.exaggeration !== null ? { [TERRAIN_SOURCE]: source } : {}),
    ...(input.scene.relief ? { [RELIEF_SOURCE]: source } : {}),
  };
}

export function terrainOf({ layers, scene }: SceneInput): { terrain?: TerrainSpecification } {
  if (scene.exaggeration === null || !elevationOf(layers)) return {};
  return { terrain: { source: TERRAIN_SOURCE, exaggeration: scene.exaggeration } };
}

export function hillshadeLayers({ layers, scene, theme }: SceneInput, { palette }: StyleContext): HillshadeLayerSpecification[] {
  if (!scene.relief || !elevationOf(layers)) return [];
  return [{
    id: 'ground:hillshade', type: 'hillshade', source: RELIEF_SOURCE,
    paint: {
      'hillshade-exaggeration': 0.5,
      'hillshade-shadow-color': theme === 'dark' ? '#02050a' : '#8d8573',
      'hillshade-highlight-color': theme === 'dark' ? '#2c3b55' : '#ffffff',
      'hillshade-accent-color': palette.outside,
      ...(scene.sun ? { 'hillshade-illumination-direction': scene.sun.azimuth, 'hillshade-illumination-anchor': 'map' as const } : {}),
    },
  }];
}

export function lightOf({ scene: { sun }, theme }: SceneInput): LightSpecification {
  if (!sun) return { anchor: 'viewport', color: '#ffffff', intensity: theme === 'dark' ? 0.32 : 0.22, position: [1.3, 215, 32] };
  // Low light is warm and weak; below the horizon nothing is lit from a side.
  const height = Math.max(0, Math.min(1, sun.altitude / 30));
  return {
    anchor: 'map',
    color: height < 0.4 ? '#ffd9b0' : '#ffffff',
    intensity: sun.altitude <= 0 ? 0.05 : 0.2 + 0.25 * height,
    position: [1.5, sun.azimuth, Math.min(89, 90 - sun.altitude)],
  };
}

/**
 * Shadows lie on the ground as a flat extrusion: of those that fall on each other the map then draws
 * one, where fills would darken each other.
 */
export function shadowLayers({ scene: { sun }, theme }: SceneInput): LayerSpecification[] {
  if (!sun || sun.altitude <= 0) return [];
  return [{
    id: 'sun:shadows', type: 'fill-extrusion', source: SHADOWS_SOURCE,
    paint: {
      'fill-extrusion-color': theme === 'dark' ? '#01030a' : '#4a4335',
      'fill-extrusion-height': 0.2,
      'fill-extrusion-opacity': theme === 'dark' ? 0.55 : 0.3,
      'fill-extrusion-vertical-gradient': false,
    },
  }];
}
