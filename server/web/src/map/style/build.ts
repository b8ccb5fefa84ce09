// The whole style of the map from the city, the theme, the language and what is hidden. It is built
// anew whenever one of them changes; MapLibre applies only the difference.
import type { LayerSpecification, SourceSpecification, StyleSpecification } from 'maplibre-gl';
import { pictureTilesAddress, tilesAddress } from '../../api/address';
import type { StyleDocument } from '../../api/types';
import type { Language } from '../../i18n/i18n';
import type { Layer } from '../../layers/catalogue';
import type { Presentation } from '../../layers/presentation';
import { palettes, type Theme } from '../palette';
import { areaLabels, borderLayers, labelSourceOf, landLayers } from './areas';
import { buildingLabels, buildingLayers, standsAsTiles } from './buildings';
import type { StyleContext } from './context';
import { fenceLayers, isFences } from './fences';
import { HIGHLIGHT_SOURCE, highlightLayers, highlightSource } from './highlight';
import { LIVE_SOURCE, liveLayers, liveSource } from './live';
import { componentLayers, greenLayers, markerLayers, plainLayers, waterLayers } from './plain';
import { roadLabels, roadLayers } from './roads';
import { faded, scaled } from './scale';
import { groundSources, hillshadeLayers, lightOf, SHADOWS_SOURCE, shadowLayers, terrainOf, type Scene } from './scene';
import { SKETCH_SOURCE, sketchLayers, sketchSource } from './sketch';

/** Deeper than this the map enlarges the tiles: a tile's grid is then finer than 0.2 m. */
const TILE_ZOOM_MAX = 16;
/** The style specification's own end of zooms. */
const LAYER_ZOOM_MAX = 24;

export interface StyleInput {
  layers: readonly Layer[];
  theme: Theme;
  language: Language;
  hidden: ReadonlySet<string>;
  /** The revision of a collection's tiles, where it is newer than its document. */
  revisionOf(layer: Layer): number;
  presentationOf(layer: Layer): Presentation;
  /** The style that the city keeps for a layer, if it is drawn by one. */
  styleOf(layer: Layer): StyleDocument | null;
  /** The revision of the kept version in which a layer is drawn; null for the current one. */
  asOf(layer: Layer): number | null;
  scene: Scene;
  /** The names of fences by their id. */
  fenceTitles: ReadonlyMap<string, string>;
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
  const fences = input.layers.filter(isFences);
  const hasLand = still.some((layer) => layer.role.kind === 'area' && layer.role.rank === 0);
  const { palette } = context;

  const ground: LayerSpecification = {
    id: 'background',
    type: 'background',
    paint: { 'background-color': hasLand ? palette.outside : palette.land },
  };
  const sources: Record<string, SourceSpecification> = {};
  for (const layer of [...still, ...fences]) {
    if (layer.role.kind === 'imagery') {
      // Its TileJSON knows how deep the pictures go.
      sources[layer.id] = { type: 'raster', url: pictureTilesAddress(layer.id, input.revisionOf(layer)), tileSize: 256 };
      continue;
    }
    sources[layer.id] = {
      type: 'vector',
      tiles: [tilesAddress(layer.id, input.revisionOf(layer), input.presentationOf(layer).filter, input.asOf(layer))],
      // A style of its own may show a layer from further off than the page's drawing would.
      minzoom: input.styleOf(layer) ? 0 : Math.floor(Math.min(layer.minZoom, TILE_ZOOM_MAX)),
      maxzoom: TILE_ZOOM_MAX,
      ...(layer.document.extent ? { bounds: layer.document.extent } : {}),
    };
    if (layer.role.kind === 'area') {
      sources[labelSourceOf(layer.id)] = { type: 'geojson', data: { type: 'FeatureCollection', features: [] } };
    }
  }
  Object.assign(sources, groundSources(input));
  sources[SHADOWS_SOURCE] = { type: 'geojson', data: { type: 'FeatureCollection', features: [] } };
  sources[SKETCH_SOURCE] = sketchSource;
  sources[HIGHLIGHT_SOURCE] = highlightSource;
  sources[LIVE_SOURCE] = liveSource;

  const land = still.flatMap((layer) =>
    layer.role.kind === 'area' && layer.role.rank === 0 ? landLayers(layer, context) : []);
  const drawn = (layer: Layer, index: number): LayerSpecification[] => {
    const own = input.styleOf(layer);
    const layers = own ? keptLayers(layer, own, context) : bodyOf(layer, index, context, input);
    return layers.map((part) => faded(part, input.presentationOf(layer).opacity));
  };
  const bodies = still.flatMap(drawn);
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
    light: lightOf(input),
    ...terrainOf(input),
    layers: [
      ground,
      ...land,
      ...hillshadeLayers(input, context),
      ...shadowLayers(input),
      ...bodies,
      ...highlightLayers(context),
      ...labels,
      ...fences.flatMap((layer) => fenceLayers(layer, input.fenceTitles, context)),
      ...sketchLayers(context),
      ...liveLayers(context, input.hidden),
    ].map((layer) => ranged(scaled(layer, input.scale))),
  };
}

/** With both ends of its zooms: where a change leaves one out, MapLibre keeps the one before. */
const ranged = (layer: LayerSpecification): LayerSpecification => ({ minzoom: 0, maxzoom: LAYER_ZOOM_MAX, ...layer });

/** The layers of a style that the city keeps, with the map's own ids and source. */
function keptLayers(layer: Layer, style: StyleDocument, context: StyleContext): LayerSpecification[] {
  return style.layers.filter(({ type }) => type !== 'background').map((part) => ({
    ...part,
    id: `${layer.id}:kept-${part.id}`,
    source: layer.id,
    'source-layer': layer.id,
    layout: { ...part.layout, ...context.layout(layer.id) },
  }) as LayerSpecification);
}

function bodyOf(layer: Layer, index: number, context: StyleContext, input: StyleInput): LayerSpecification[] {
  const { role } = layer;
  switch (role.kind) {
    case 'area':
      return borderLayers(layer, role.rank, context);
    case 'buildings':
      return buildingLayers(layer, role, context, standsAsTiles(layer, input));
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
    case 'imagery':
      return [{ id: `${layer.id}:picture`, type: 'raster', source: layer.id, layout: context.layout(layer.id) }];
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
