// The whole style of the map from the city, the theme, the language and what is hidden. It is built
// anew whenever one of them changes; MapLibre applies only the difference.
import type { LayerSpecification, SourceSpecification, StyleSpecification } from 'maplibre-gl';
import { tilesAddress } from '../../api/address';
import type { Language } from '../../i18n/i18n';
import type { Layer } from '../../layers/catalogue';
import { palettes, type Theme } from '../palette';
import { areaLabels, borderLayers, labelSourceOf, landLayers } from './areas';
import { buildingLabels, buildingLayers } from './buildings';
import type { StyleContext } from './context';
import { HIGHLIGHT_SOURCE, highlightLayers, highlightSource } from './highlight';
import { LIVE_SOURCE, liveLayers, liveSource } from './live';
import { componentLayers, greenLayers, markerLayers, plainLayers, waterLayers } from './plain';
import { roadLabels, roadLayers } from './roads';
import { scaled } from './scale';

/** Deeper than this the map enlarges the tiles: a tile's grid is then finer than 0.2 m. */
const TILE_ZOOM_MAX = 16;

export interface StyleInput {
  layers: readonly Layer[];
  theme: Theme;
  language: Language;
  hidden: ReadonlySet<string>;
  /** The revision of a collection's tiles, where it is newer than its document. */
  revisionOf(layer: Layer): number;
  /** How much larger letters, markers and lines are than on a desk: 1, or more on a wall. */
  scale: number;
}

export function buildStyle(input: StyleInput): StyleSpecification {
  const context: StyleContext = {
    theme: input.theme,
    palette: palettes[input.theme],
    language: input.language,
    layout: (collection) => ({ visibility: input.hidden.has(collection) ? 'none' : 'visible' }),
  };
  const still = input.layers.filter(({ role }) => role.kind !== 'live' && role.kind !== 'elevation');
  const hasLand = still.some((layer) => layer.role.kind === 'area' && layer.role.rank === 0);
  const { palette } = context;

  const ground: LayerSpecification = {
    id: 'background',
    type: 'background',
    paint: { 'background-color': hasLand ? palette.outside : palette.land },
  };
  const sources: Record<string, SourceSpecification> = {};
  for (const layer of still) {
    sources[layer.id] = {
      type: 'vector',
      tiles: [tilesAddress(layer.id, input.revisionOf(layer))],
      minzoom: Math.floor(Math.min(layer.minZoom, TILE_ZOOM_MAX)),
      maxzoom: TILE_ZOOM_MAX,
      ...(layer.document.extent ? { bounds: layer.document.extent } : {}),
    };
    if (layer.role.kind === 'area') {
      sources[labelSourceOf(layer.id)] = { type: 'geojson', data: { type: 'FeatureCollection', features: [] } };
    }
  }
  sources[HIGHLIGHT_SOURCE] = highlightSource;
  sources[LIVE_SOURCE] = liveSource;

  const land = still.flatMap((layer) =>
    layer.role.kind === 'area' && layer.role.rank === 0 ? landLayers(layer, context) : []);
  const bodies = still.flatMap((layer, index) => bodyOf(layer, index, context));
  // Names go over everything that has a body; the most important last, so that they win their place.
  const labels = [...still].reverse().sort((a, b) => labelRank(a) - labelRank(b)).flatMap((layer) => labelsOf(layer, context));

  return {
    version: 8,
    sources,
    sky: {
      'sky-color': palette.sky,
      'horizon-color': palette.outside,
      'fog-color': palette.outside,
      'sky-horizon-blend': 0.6,
    },
    light: { anchor: 'viewport', color: '#ffffff', intensity: input.theme === 'dark' ? 0.32 : 0.22, position: [1.3, 215, 32] },
    layers: [
      ground,
      ...land,
      ...bodies,
      ...highlightLayers(context),
      ...labels,
      ...liveLayers(context),
    ].map((layer) => scaled(layer, input.scale)),
  };
}

function bodyOf(layer: Layer, index: number, context: StyleContext): LayerSpecification[] {
  const { role } = layer;
  switch (role.kind) {
    case 'area':
      return borderLayers(layer, role.rank, context);
    case 'buildings':
      return buildingLayers(layer, role, context);
    case 'roads':
      return roadLayers(layer, role.classField, context);
    case 'water':
      return waterLayers(layer, context);
    case 'green':
      return greenLayers(layer, context);
    case 'components':
      return componentLayers(layer, context);
    case 'cameras':
    case 'sensors':
    case 'institutions':
      return markerLayers(layer, role.kind, context);
    case 'plain':
      return plainLayers(layer, index, context);
    case 'live':
    case 'elevation':
      return [];
  }
}

const labelRank = (layer: Layer): number =>
  layer.role.kind === 'area' ? 10 - layer.role.rank : layer.role.kind === 'roads' ? 2 : 1;

function labelsOf(layer: Layer, context: StyleContext): LayerSpecification[] {
  const { role } = layer;
  if (role.kind === 'area') return areaLabels(layer, role.rank, context);
  if (role.kind === 'roads') return roadLabels(layer, role.classField, context);
  if (role.kind === 'buildings') return buildingLabels(layer, context);
  return [];
}
