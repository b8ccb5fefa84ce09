import { expect, test } from 'vitest';
import { fromGcj02, parsePair, placesOf, toGcj02 } from './coordinates';

// Longitude and latitude in WGS 84 and in GCJ-02, as two other implementations agree on them.
const VECTORS: [number, number, number, number][] = [
  [116.404, 39.915, 116.4102445, 39.91640428],
  [117.2, 39.13, 117.20630499, 39.13103531],
  [117.9707, 37.3819, 117.97660331, 37.38254919],
  [2.3522, 48.8566, 2.3522, 48.8566],
];

test('GCJ-02 is reached and left again to within a centimetre', () => {
  for (const [x, y, gx, gy] of VECTORS) {
    const there = toGcj02([x, y]);
    expect(there[0]).toBeCloseTo(gx, 7);
    expect(there[1]).toBeCloseTo(gy, 7);
    const back = fromGcj02([gx, gy]);
    expect(Math.abs(back[0] - x)).toBeLessThan(1e-7);
    expect(Math.abs(back[1] - y)).toBeLessThan(1e-7);
  }
});

test('pairs are understood in the ways people write them', () => {
  expect(parsePair('117.2, 39.13')).toEqual([117.2, 39.13]);
  expect(parsePair('39.13,117.2')).toEqual([117.2, 39.13]);
  expect(parsePair('(117.2，39.13)')).toEqual([117.2, 39.13]);
  expect(parsePair('40.7 N 74 W')).toEqual([-74, 40.7]);
  expect(parsePair('-74 40.7')).toEqual([-74, 40.7]);
  expect(parsePair('200, 39')).toBeNull();
  expect(parsePair('98, 97')).toBeNull();
  expect(parsePair('12 号楼')).toBeNull();
  expect(parsePair('120101')).toBeNull();
});

test('a pair in China can mean two places, one elsewhere only one', () => {
  expect(placesOf('117.2, 39.13').map(({ gcj02 }) => gcj02)).toEqual([false, true]);
  expect(placesOf('2.35, 48.85')).toHaveLength(1);
  expect(placesOf('nowhere')).toEqual([]);
});
