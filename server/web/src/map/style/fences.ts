// Fences as outlines with their names: lines of light, since what breaks one has an alarm's colour.
import type { ExpressionSpecification, LayerSpecification } from 'maplibre-gl';
import type { Layer } from '../../layers/catalogue';
import { FONT, type StyleContext } from './context';

export const isFences = (layer: Layer): boolean => layer.document.kind === 'fences';

/** `titles` by id: from afar a tile has none. */
export function fenceLayers(layer: Layer, titles: ReadonlyMap<string, string>, context: StyleContext): LayerSpecification[] {
  const { palette } = context;
  const base = { source: layer.id, 'source-layer': layer.id } as const;
  const layout = context.layout(layer.id);
  const title = titles.size === 0 ? '' : (['match', ['get', '_id'], ...[...titles].flat(), ''] as unknown as ExpressionSpecification);
  return [
    {
      ...base, id: `${layer.id}:casing`, type: 'line', layout: { ...layout, 'line-join': 'round' },
      paint: { 'line-color': palette.halo, 'line-width': 3.6, 'line-opacity': 0.7 },
    },
    {
      ...base, id: `${layer.id}:line`, type: 'line', layout: { ...layout, 'line-join': 'round' },
      paint: { 'line-color': palette.highlight, 'line-width': 1.4, 'line-dasharray': [4, 2.5], 'line-opacity': 0.85 },
    },
    {
      ...base, id: `${layer.id}:label`, type: 'symbol', minzoom: 9,
      layout: {
        ...layout, 'symbol-placement': 'line', 'text-pitch-alignment': 'viewport', 'symbol-spacing': 420,
        'text-field': title, 'text-font': FONT, 'text-size': 12, 'text-offset': [0, 0.9], 'text-max-angle': 40,
      },
      paint: { 'text-color': palette.label, 'text-halo-color': palette.halo, 'text-halo-width': 1.8 },
    },
  ];
}
