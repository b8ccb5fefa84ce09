import { expect, test } from 'vitest';
import { namePoints } from './labels';

const square = (x: number, y: number, side: number): number[][][] => [
  [[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]],
];

test('the pieces of an area in neighbouring tiles get one name, in their common middle', () => {
  const { features } = namePoints([
    { id: 1, name: 'A', polygons: [square(0, 0, 1)] },
    { id: 1, name: 'A', polygons: [square(1, 0, 1)] },
    { id: 2, name: 'B', polygons: [square(5, 5, 1)] },
  ]);
  expect(features).toHaveLength(2);
  expect(features[0]?.geometry.coordinates[0]).toBeCloseTo(1);
  expect(features[0]?.geometry.coordinates[1]).toBeCloseTo(0.5);
});

test('the name of a bent area lies in it', () => {
  const horseshoe = [[0, 0], [10, 0], [10, 10], [9, 10], [9, 1], [1, 1], [1, 10], [0, 10], [0, 0]];
  const [x, y] = namePoints([{ id: 1, name: 'U', polygons: [[horseshoe]] }]).features[0]!.geometry.coordinates as [number, number];
  expect(y < 1 || x < 1 || x > 9).toBe(true);
  expect(x >= 0 && x <= 10 && y >= 0 && y <= 10).toBe(true);
});

test('the winding of a ring does not matter, and a ring without area has no name', () => {
  const turned = square(0, 0, 2).map((ring) => [...ring].reverse());
  expect(namePoints([{ id: 1, name: 'A', polygons: [turned] }]).features[0]?.geometry.coordinates).toEqual([1, 1]);
  expect(namePoints([{ id: 1, name: 'A', polygons: [[[[0, 0], [1, 1], [0, 0]]]] }]).features).toEqual([]);
});
