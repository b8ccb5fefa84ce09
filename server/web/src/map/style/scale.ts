// Enlarges a layer's letters, markers and lines for a screen that is seen from afar.
import type { LayerSpecification } from 'maplibre-gl';

const SIZES = new Set([
  'text-size', 'icon-size', 'circle-radius', 'circle-stroke-width', 'line-width', 'text-halo-width', 'text-padding', 'icon-padding',
]);

export function scaled<L extends LayerSpecification>(layer: L, factor: number): L {
  if (factor === 1) return layer;
  const of = (properties: object | undefined): object | undefined =>
    properties && Object.fromEntries(
      Object.entries(properties).map(([name, value]) => [name, SIZES.has(name) ? times(value, factor) : value]));
  const { layout, paint } = layer as { layout?: object; paint?: object };
  return { ...layer, ...(layout ? { layout: of(layout) } : {}), ...(paint ? { paint: of(paint) } : {}) };
}

/** A zoom curve must stay outermost, so its outputs are multiplied, not the whole. */
function times(value: unknown, factor: number): unknown {
  if (typeof value === 'number') return value * factor;
  if (!Array.isArray(value)) return value;
  if (value[0] === 'interpolate' && Array.isArray(value[2]) && value[2][0] === 'zoom') {
    return value.map((part: unknown, i) => (i >= 4 && i % 2 === 0 ? times(part, factor) : part));
  }
  return ['*', factor, value];
}
