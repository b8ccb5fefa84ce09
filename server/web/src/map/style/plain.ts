// Water, green, points of known kinds, and everything that has no drawing of its own.
import type { ExpressionSpecification, LayerSpecification } from 'maplibre-gl';
import type { Layer } from '../../layers/catalogue';
import { FONT, localName, type StyleContext } from './context';

export type PointKind = 'cameras' | 'sensors' | 'institutions';

export const pointImage = (kind: PointKind, theme: string): string => `${kind}@${theme}`;

const of = (layer: Layer) => ({ source: layer.id, 'source-layer': layer.id }) as const;
const isPolygon = ['==', ['geometry-type'], 'Polygon'] as ['==', ExpressionSpecification, string];
const isLine = ['==', ['geometry-type'], 'LineString'] as ['==', ExpressionSpecification, string];
const isPoint = ['==', ['geometry-type'], 'Point'] as ['==', ExpressionSpecification, string];

export function waterLayers(layer: Layer, context: StyleContext): LayerSpecification[] {
  const { palette } = context;
  const layout = context.layout(layer.id);
  return [
    { ...of(layer), id: `${layer.id}:fill`, type: 'fill', layout, filter: isPolygon, paint: { 'fill-color': palette.water } },
    {
      ...of(layer), id: `${layer.id}:line`, type: 'line', filter: isLine, layout: { ...layout, 'line-cap': 'round', 'line-join': 'round' },
      paint: { 'line-color': palette.water, 'line-width': ['interpolate', ['exponential', 1.5], ['zoom'], 10, 0.6, 14, 2, 18, 10] },
    },
  ];
}

export function greenLayers(layer: Layer, context: StyleContext): LayerSpecification[] {
  return [{
    ...of(layer), id: `${layer.id}:fill`, type: 'fill', layout: context.layout(layer.id), filter: isPolygon,
    paint: {
      'fill-color': context.palette.green,
      'fill-opacity': ['interpolate', ['linear'], ['zoom'], 8, 0.6, 12, 1],
    },
  }];
}

export function componentLayers(layer: Layer, context: StyleContext): LayerSpecification[] {
  return [{
    ...of(layer), id: `${layer.id}:dot`, type: 'circle', layout: context.layout(layer.id), minzoom: layer.minZoom,
    paint: {
      'circle-color': context.palette.point,
      'circle-radius': ['interpolate', ['linear'], ['zoom'], 15, 1.1, 17, 2.6, 20, 5],
      'circle-opacity': ['interpolate', ['linear'], ['zoom'], 15, 0.35, 16.5, 0.85],
      'circle-stroke-color': context.palette.pointEdge,
      'circle-stroke-width': ['interpolate', ['linear'], ['zoom'], 16, 0, 17.5, 1],
    },
  }];
}

export function markerLayers(layer: Layer, kind: PointKind, context: StyleContext): LayerSpecification[] {
  const { palette } = context;
  const named = kind === 'institutions' && layer.document.fields.some(([name]) => name === 'name');
  const turned = kind === 'cameras' && layer.document.fields.some(([name]) => name === 'heading');
  return [{
    ...of(layer), id: `${layer.id}:marker`, type: 'symbol', minzoom: layer.minZoom,
    layout: {
      ...context.layout(layer.id),
      'icon-image': pointImage(kind, context.theme),
      'icon-size': ['interpolate', ['linear'], ['zoom'], 13, 0.55, 15, 0.75, 18, 1],
      // Where they are too close, the map leaves some out and shows them further in.
      'icon-padding': ['interpolate', ['linear'], ['zoom'], 13, 10, 16, 3, 17, 0],
      ...(turned
        ? { 'icon-rotate': ['to-number', ['get', 'heading'], 0] as ExpressionSpecification, 'icon-rotation-alignment': 'map' as const, 'icon-pitch-alignment': 'viewport' as const }
        : {}),
      ...(named
        ? {
            'text-field': ['step', ['zoom'], '', 15.5, localName(context)] as ExpressionSpecification,
            'text-font': FONT, 'text-size': 11.5, 'text-anchor': 'top' as const, 'text-offset': [0, 0.8] as [number, number],
            'text-optional': true, 'text-max-width': 8,
          }
        : {}),
    },
    paint: {
      'icon-opacity': ['interpolate', ['linear'], ['zoom'], layer.minZoom, 0.5, layer.minZoom + 1, 0.95],
      ...(named ? { 'text-color': palette.label, 'text-halo-color': palette.halo, 'text-halo-width': 1.4 } : {}),
    },
  }];
}

/** A calm drawing for any geometry; `index` tells neighbouring layers apart. */
export function plainLayers(layer: Layer, index: number, context: StyleContext): LayerSpecification[] {
  const { palette } = context;
  // What people draw stands out: it is what they are working on.
  const isPlan = layer.document.kind === 'features';
  const color = isPlan ? palette.highlightFill : plainColor(index, context);
  const layout = context.layout(layer.id);
  const minzoom = layer.minZoom;
  const named = isPlan || layer.document.fields.some(([name]) => name === 'name');
  return [
    {
      ...of(layer), id: `${layer.id}:fill`, type: 'fill', layout, filter: isPolygon, minzoom,
      paint: { 'fill-color': color, 'fill-opacity': isPlan ? 0.22 : 0.55 },
    },
    {
      ...of(layer), id: `${layer.id}:line`, type: 'line', minzoom, filter: ['any', isLine, isPolygon],
      layout: { ...layout, 'line-cap': 'round', 'line-join': 'round' },
      paint: {
        'line-color': isPlan ? palette.highlight : palette.borders[1],
        'line-width': isPlan ? 1.8 : ['interpolate', ['linear'], ['zoom'], 8, 0.5, 14, 1.4, 18, 3],
        'line-opacity': 0.8,
        ...(isPlan ? { 'line-dasharray': [3, 1.5] } : {}),
      },
    },
    {
      ...of(layer), id: `${layer.id}:point`, type: 'circle', layout, filter: isPoint, minzoom,
      paint: {
        'circle-color': palette.point,
        'circle-radius': ['interpolate', ['linear'], ['zoom'], 8, 1.2, 14, 3, 18, 6],
        'circle-stroke-color': palette.pointEdge,
        'circle-stroke-width': 1,
      },
    },
    ...(named
      ? [{
          ...of(layer), id: `${layer.id}:label`, type: 'symbol', filter: ['any', isPoint, isPolygon], minzoom: isPlan ? 12 : Math.max(minzoom, 14.5),
          layout: {
            ...layout, 'text-field': isPlan ? ['to-string', ['get', 'title']] : localName(context), 'text-font': FONT, 'text-size': 11.5,
            'text-anchor': 'top', 'text-offset': [0, 0.6], 'text-max-width': 8, 'text-padding': 8,
          },
          paint: { 'text-color': palette.labelQuiet, 'text-halo-color': palette.halo, 'text-halo-width': 1.4 },
        } as LayerSpecification]
      : []),
  ];
}

export const plainColor = (index: number, { palette }: Pick<StyleContext, 'palette'>): string =>
  palette.plain[index % palette.plain.length]!;
