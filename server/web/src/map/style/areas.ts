// Districts, streets, communities and grids: the land itself, its borders and its names.
import type { ExpressionSpecification, LayerSpecification } from 'maplibre-gl';
import type { Layer } from '../../layers/catalogue';
import { FONT, FONT_STRONG, type StyleContext } from './context';

type Rank = 0 | 1 | 2 | 3;

/** The zooms at which a level's names are read: each hands over to the one below it. */
export const LABEL_ZOOMS: Record<Rank, [number, number]> = {
  0: [6, 11.6],
  1: [11.2, 13.4],
  2: [13.4, 15.6],
  3: [15.6, 24],
};

export const labelSourceOf = (collection: string): string => `labels:${collection}`;

const BORDER_WIDTHS: Record<Rank, ExpressionSpecification> = {
  0: ['interpolate', ['linear'], ['zoom'], 6, 0.8, 10, 1.6, 16, 3],
  1: ['interpolate', ['linear'], ['zoom'], 10, 0.5, 13, 1.2, 17, 2.2],
  2: ['interpolate', ['linear'], ['zoom'], 12, 0.4, 15, 1, 18, 1.8],
  3: ['interpolate', ['linear'], ['zoom'], 14, 0.4, 18, 1.2],
};

/** The largest areas are the city's land; everything around them lies outside. */
export function landLayers(layer: Layer, { palette }: StyleContext): LayerSpecification[] {
  return [{
    id: `${layer.id}:land`, type: 'fill', source: layer.id, 'source-layer': layer.id,
    filter: ['==', ['geometry-type'], 'Polygon'],
    paint: { 'fill-color': palette.land, 'fill-antialias': false },
  }];
}

export function borderLayers(layer: Layer, rank: Rank, context: StyleContext): LayerSpecification[] {
  return [{
    id: `${layer.id}:border`, type: 'line', source: layer.id, 'source-layer': layer.id, minzoom: layer.minZoom,
    layout: { ...context.layout(layer.id), 'line-join': 'round' },
    paint: {
      'line-color': context.palette.borders[rank],
      'line-width': BORDER_WIDTHS[rank],
      'line-opacity': ['interpolate', ['linear'], ['zoom'], layer.minZoom, 0, layer.minZoom + 1, 1],
      ...(rank === 1 ? { 'line-dasharray': [4, 2] } : rank === 2 ? { 'line-dasharray': [2, 2] } : {}),
    },
  },
  // Without a fill there would be nothing to click on.
  {
    id: `${layer.id}:area`, type: 'fill', source: layer.id, 'source-layer': layer.id, minzoom: layer.minZoom,
    filter: ['==', ['geometry-type'], 'Polygon'],
    layout: context.layout(layer.id),
    paint: { 'fill-color': context.palette.highlight, 'fill-opacity': 0 },
  }];
}

export function areaLabels(layer: Layer, rank: Rank, context: StyleContext): LayerSpecification[] {
  const [from, to] = LABEL_ZOOMS[rank];
  const { palette } = context;
  return [{
    id: `${layer.id}:label`, type: 'symbol', source: labelSourceOf(layer.id), minzoom: from, maxzoom: to,
    layout: {
      ...context.layout(layer.id),
      'text-field': ['get', 'name'],
      'text-font': rank === 0 ? FONT_STRONG : FONT,
      'text-size': rank === 0
        ? ['interpolate', ['linear'], ['zoom'], 8, 12, 11, 18]
        : rank === 1 ? ['interpolate', ['linear'], ['zoom'], 11, 11.5, 13.5, 15] : rank === 2 ? 12.5 : 11.5,
      'text-letter-spacing': rank === 0 ? 0.12 : 0.06,
      'text-max-width': 12,
      // A tilted map would otherwise fill up with names towards the horizon.
      'text-padding': [2, 12, 30, 24][rank]!,
      'symbol-sort-key': ['-', 0, ['get', 'size']],
    },
    paint: {
      'text-color': rank === 0 ? palette.label : palette.labelQuiet,
      'text-halo-color': palette.halo,
      'text-halo-width': 1.6,
      'text-halo-blur': 0.4,
    },
  }];
}
