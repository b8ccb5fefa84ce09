import { expect, test } from 'vitest';
import { inOrder, moved } from './presentation';

const layers = ['land', 'roads', 'houses', 'lamps'].map((id) => ({ id }));
const ids = (order: string[]): string[] => inOrder(layers, order).map(({ id }) => id);

test('a chosen order holds, and a layer that it does not know keeps its place', () => {
  expect(ids([])).toEqual(['land', 'roads', 'houses', 'lamps']);
  expect(ids(['houses', 'roads', 'land', 'lamps'])).toEqual(['houses', 'roads', 'land', 'lamps']);
  expect(ids(['lamps', 'land', 'gone'])).toEqual(['lamps', 'roads', 'houses', 'land']);
});

test('a layer moves a step, and no further than the end', () => {
  expect(moved(['a', 'b', 'c'], 'a', 1)).toEqual(['b', 'a', 'c']);
  expect(moved(['a', 'b', 'c'], 'c', 1)).toEqual(['a', 'b', 'c']);
  expect(moved(['a', 'b', 'c'], 'x', -1)).toEqual(['a', 'b', 'c']);
});
