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
export function times(value: unknown, factor: number): unknown {
  if (typeof value === 'number') return value * factor;
  if (!Array.isArray(value)) return value;
  if (value[0] === 'interpolate' && Array.isArray(value[2]) && value[2][0] === 'zoom') {
    return value.map((part: unknown, i) => (i >= 4 && i % 2 === 0 ? times(part, factor) : part));
  }
  if (value[0] === 'step' && Array.isArray(value[1]) && value[1][0] === 'zoom') {
    return value.map((part: unknown, i) => (i >= 2 && i % 2 === 0 ? times(part, factor) : part));
  }
  return ['*', factor, value];
}

/** The opacities of each type of layer. */
const OPACITIES: Record<string, string[]> = {
  fill: ['fill-opacity'],
  line: ['line-opacity'],
  circle: ['circle-opacity', 'circle-stroke-opacity'],
  symbol: ['icon-opacity', 'text-opacity'],
  'fill-extrusion': ['fill-extrusion-opacity'],
  heatmap: ['heatmap-opacity'],
  raster: ['raster-opacity'],
};

/** Lets what is below shine through a layer. */
export function faded<L extends LayerSpecification>(layer: L, opacity: number): L {
  if (opacity === 1) return layer;
  const { paint } = layer as { paint?: Record<string, unknown> };
  const faint = Object.fromEntries((OPACITIES[layer.type] ?? []).map((name) => [name, times(paint?.[name] ?? 1, opacity)]));
  return { ...layer, paint: { ...paint, ...faint } };
}
