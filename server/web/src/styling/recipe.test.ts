import { validateStyleMin } from '@maplibre/maplibre-gl-style-spec';
import { expect, test } from 'vitest';
import type { Shape } from '../layers/roles';
import { breaksOf, categoriesOf, kindsOf, recipeIn, START, styleOf } from './recipe';

test('every kind of style of every shape is valid, and can be opened again', () => {
  for (const shape of ['point', 'line', 'polygon', 'mixed'] as Shape[]) {
    for (const kind of kindsOf(shape)) {
      const recipe = { ...START, kind, field: 'height' };
      const values = kind === 'categories' ? ['a', 'b', 'a', null] : [1, 2, 3, 50, 800];
      const style = styleOf('buildings', shape, recipe, values, 'x');
      const source = { buildings: { type: 'vector' as const, tiles: ['http://127.0.0.1/{z}/{y}/{x}'] } };
      expect(validateStyleMin({ ...style, sources: source }), `${shape} ${kind}`).toEqual([]);
      expect(recipeIn(style)).toEqual(recipe);
    }
  }
});

test('no values at all still make a valid style', () => {
  for (const kind of ['categories', 'graduated', 'extrusion'] as const) {
    const style = styleOf('a', 'polygon', { ...START, kind, field: 'x' }, [], 'x');
    expect(validateStyleMin({ ...style, sources: { a: { type: 'vector', tiles: [''] } } }), kind).toEqual([]);
  }
});

test('classes have as many items each, or as much width each', () => {
  const values = Array.from({ length: 100 }, (_, i) => i ** 2);
  expect(breaksOf(values, 4, 'quantile')).toEqual([625, 2500, 5625]);
  expect(breaksOf([0, 100], 4, 'equal')).toEqual([25, 50, 75]);
  expect(breaksOf([7, 7, 7], 4, 'equal')).toEqual([]);
  expect(breaksOf([0, 0, 0, 0, 9], 5, 'quantile')).toEqual([9]);
});

test('the commonest values come first and the empty ones count as none', () => {
  expect(categoriesOf(['b', 'a', 'b', '', null, true])).toEqual([
    { value: 'b', count: 2 }, { value: 'a', count: 1 }, { value: 'true', count: 1 },
  ]);
});
