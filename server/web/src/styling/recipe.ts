// A style by attribute: what a person chose, what it finds in the data, and the MapLibre style that
// comes of it. The choice and its legend travel in the style's metadata, so that it can be opened again.
import type { ExpressionSpecification, LayerSpecification } from 'maplibre-gl';
import type { StyleDocument } from '../api/types';
import type { Shape } from '../layers/roles';
import { KINDS, OTHER, shades, type RampName } from './ramps';

export type RecipeKind = 'single' | 'categories' | 'graduated' | 'heat' | 'extrusion';

export interface Recipe {
  kind: RecipeKind;
  /** The attribute; empty for one colour and for an even heat. */
  field: string;
  ramp: RampName;
  /** Number of classes, 2 to 7. */
  classes: number;
  method: 'quantile' | 'equal';
  /** The one colour. */
  color: string;
  /** Metres per unit of the attribute, for an extrusion. */
  factor: number;
}

export interface LegendEntry {
  color: string;
  label: string;
}

export const RECIPE_KEY = 'citywall:recipe';
export const LEGEND_KEY = 'citywall:legend';

export const START: Recipe = { kind: 'single', field: '', ramp: 'teal', classes: 5, method: 'quantile', color: '#268a80', factor: 1 };

/** The kinds that a layer of a shape can be drawn in. */
export function kindsOf(shape: Shape): RecipeKind[] {
  if (shape === 'point') return ['single', 'categories', 'graduated', 'heat'];
  if (shape === 'line') return ['single', 'categories', 'graduated'];
  return ['single', 'categories', 'graduated', 'extrusion'];
}

/** The commonest values, the most frequent first; a tie goes by the text. */
export function categoriesOf(values: readonly unknown[], max = KINDS.length): { value: string; count: number }[] {
  const counts = new Map<string, number>();
  for (const value of values) {
    if (value === null || value === undefined || value === '') continue;
    counts.set(String(value), (counts.get(String(value)) ?? 0) + 1);
  }
  return [...counts].map(([value, count]) => ({ value, count }))
    .sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1)).slice(0, max);
}

/** The inner bounds between classes, rising and all different; fewer than asked where values repeat. */
export function breaksOf(values: readonly unknown[], classes: number, method: Recipe['method']): number[] {
  const numbers = values.filter((value): value is number => typeof value === 'number' && Number.isFinite(value)).sort((a, b) => a - b);
  const [low, high] = [numbers[0], numbers.at(-1)];
  if (low === undefined || high === undefined || low === high) return [];
  const inner = Array.from({ length: classes - 1 }, (_, i) => {
    const share = (i + 1) / classes;
    return method === 'equal' ? low + (high - low) * share : numbers[Math.floor(share * numbers.length)]!;
  });
  return [...new Set(inner.map(tidy))].filter((bound) => bound > low);
}

/** Three significant digits: a bound is read, not computed with. */
export const tidy = (value: number): number => (Number.isInteger(value) && Math.abs(value) < 1e6 ? value : Number(value.toPrecision(3)));

/** The style of a recipe over the values found, for the collection `id`. */
export function styleOf(id: string, shape: Shape, recipe: Recipe, values: readonly unknown[], name: string): StyleDocument {
  const { color, legend } = colorOf(recipe, values);
  const base = { source: id, 'source-layer': id } as const;
  const layers: LayerSpecification[] = recipe.kind === 'heat' ? [heat(base, recipe)] : shapes(base, shape, recipe, color);
  return {
    version: 8, name, sources: { [id]: { type: 'vector' } }, layers,
    metadata: { [RECIPE_KEY]: recipe, [LEGEND_KEY]: legend },
  };
}

type Color = ExpressionSpecification | string;

function colorOf(recipe: Recipe, values: readonly unknown[]): { color: Color; legend: LegendEntry[] } {
  const { kind, field } = recipe;
  if (kind === 'single') return { color: recipe.color, legend: [] };
  if (kind === 'heat') return { color: recipe.color, legend: [] };
  if (kind === 'categories') {
    const categories = categoriesOf(values);
    if (categories.length === 0) return { color: OTHER, legend: [] };
    const pairs = categories.flatMap(({ value }, i) => [value, KINDS[i]!]);
    return {
      color: ['match', ['to-string', ['get', field]], ...pairs, OTHER] as unknown as ExpressionSpecification,
      legend: categories.map(({ value }, i) => ({ color: KINDS[i]!, label: value })),
    };
  }
  const breaks = breaksOf(values, recipe.classes, recipe.method);
  const colors = shades(recipe.ramp, breaks.length + 1);
  const value: ExpressionSpecification = ['to-number', ['get', field], 0];
  const steps = breaks.flatMap((bound, i) => [bound, colors[i + 1]!]);
  const classed = (steps.length === 0 ? colors[0]! : ['step', value, colors[0]!, ...steps]) as Color;
  return {
    color: ['case', ['==', ['typeof', ['get', field]], 'number'], classed, OTHER] as unknown as ExpressionSpecification,
    legend: colors.map((color, i) => ({
      color,
      label: i === 0 ? `< ${breaks[0] ?? '∞'}` : i === breaks.length ? `≥ ${breaks[i - 1]}` : `${breaks[i - 1]} – ${breaks[i]}`,
    })),
  };
}

function heat(base: { source: string; 'source-layer': string }, { field, ramp }: Recipe): LayerSpecification {
  const colors = shades(ramp, 5);
  return {
    ...base, id: 'heat', type: 'heatmap',
    paint: {
      'heatmap-weight': field === '' ? 1 : ['max', 0, ['to-number', ['get', field], 0]],
      'heatmap-radius': ['interpolate', ['exponential', 1.4], ['zoom'], 8, 6, 14, 24, 18, 60],
      'heatmap-intensity': ['interpolate', ['linear'], ['zoom'], 8, 0.4, 16, 1.4],
      'heatmap-color': [
        'interpolate', ['linear'], ['heatmap-density'], 0, 'rgba(0, 0, 0, 0)', 0.08, colors[4]!, 0.35, colors[3]!, 0.6, colors[2]!, 0.85, colors[1]!, 1, colors[0]!,
      ],
      'heatmap-opacity': 0.85,
    },
  };
}

function shapes(base: { source: string; 'source-layer': string }, shape: Shape, recipe: Recipe, color: Color): LayerSpecification[] {
  const layers: LayerSpecification[] = [];
  const area = shape === 'polygon' || shape === 'mixed';
  if (recipe.kind === 'extrusion') {
    return [{
      ...base, id: 'raised', type: 'fill-extrusion', filter: ['==', ['geometry-type'], 'Polygon'],
      paint: {
        'fill-extrusion-color': color,
        'fill-extrusion-height': ['max', 0, ['*', recipe.factor, ['to-number', ['get', recipe.field], 0]]],
        'fill-extrusion-opacity': 0.92,
      },
    }];
  }
  if (area) {
    layers.push(
      { ...base, id: 'fill', type: 'fill', filter: ['==', ['geometry-type'], 'Polygon'], paint: { 'fill-color': color, 'fill-opacity': 0.8 } },
      {
        ...base, id: 'outline', type: 'line', filter: ['==', ['geometry-type'], 'Polygon'],
        paint: { 'line-color': color, 'line-width': ['interpolate', ['linear'], ['zoom'], 10, 0.2, 16, 1.2] },
      },
    );
  }
  if (shape === 'line' || shape === 'mixed') {
    layers.push({
      ...base, id: 'line', type: 'line', filter: ['==', ['geometry-type'], 'LineString'],
      layout: { 'line-cap': 'round', 'line-join': 'round' },
      paint: { 'line-color': color, 'line-width': ['interpolate', ['exponential', 1.5], ['zoom'], 10, 0.8, 14, 2.4, 18, 10] },
    });
  }
  if (shape === 'point' || shape === 'mixed') {
    layers.push({
      ...base, id: 'point', type: 'circle', filter: ['==', ['geometry-type'], 'Point'],
      paint: {
        'circle-color': color,
        'circle-radius': ['interpolate', ['linear'], ['zoom'], 8, 1.5, 13, 3.5, 18, 8],
        'circle-stroke-color': '#0a101c',
        'circle-stroke-width': ['interpolate', ['linear'], ['zoom'], 12, 0, 15, 1],
      },
    });
  }
  return layers;
}

/** The recipe in a style's metadata, if it was made by one. */
export const recipeIn = (style: StyleDocument | null): Recipe | null => {
  const recipe = style?.metadata?.[RECIPE_KEY] as Partial<Recipe> | undefined;
  return recipe ? { ...START, ...recipe } : null;
};

export const legendIn = (style: StyleDocument | null): LegendEntry[] => (style?.metadata?.[LEGEND_KEY] as LegendEntry[] | undefined) ?? [];
