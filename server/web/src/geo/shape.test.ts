import { expect, test } from 'vitest';
import type { LineString, Polygon } from 'geojson';
import { along, crossings, geometryOf, metresOf, squareMetresOf } from './shape';
import { wktOf } from './wkt';

test('a polygon drawn across itself is found out, a sound one is not', () => {
  const bow = geometryOf('polygon', [[0, 0], [1, 1], [1, 0], [0, 1]])!;
  expect(crossings(bow)).toEqual([[0.5, 0.5]]);
  expect(crossings(geometryOf('polygon', [[0, 0], [1, 0], [1, 1], [0, 1]])!)).toEqual([]);
});

test('rings are closed and run counter-clockwise, whichever way they were drawn', () => {
  const ways = [[[0, 0], [0, 1], [1, 1]], [[0, 0], [1, 1], [0, 1]]].map((clicks) => geometryOf('polygon', clicks) as Polygon);
  for (const { coordinates: [ring] } of ways) {
    expect(ring![0]).toEqual(ring!.at(-1));
    const doubled = ring!.slice(1).reduce((sum, to, i) => sum + ring![i]![0]! * to[1]! - to[0]! * ring![i]![1]!, 0);
    expect(doubled).toBeGreaterThan(0);
  }
  expect(geometryOf('rectangle', [[1, 2], [1, 5]])).toBeNull();
});

test('measures agree with known ones', () => {
  // A degree of a great circle on a sphere of 6,371,008.8 m.
  const degree: LineString = { type: 'LineString', coordinates: [[0, 0], [0, 1]] };
  expect(metresOf(degree)).toBeCloseTo(111_195.08, 0);
  // GeographicLib gives 12,308,778,361 m² on the ellipsoid; the sphere is off by half a percent at most.
  const square = geometryOf('rectangle', [[0, 0], [1, 1]]) as Polygon;
  expect(Math.abs(squareMetresOf(square) / 12_308_778_361 - 1)).toBeLessThan(0.006);
});

test('places along a line are equally far apart and end where it ends', () => {
  const places = along([[0, 0], [0, 1], [0, 3]], 4);
  expect(places.map(([, y]) => Number(y!.toFixed(6)))).toEqual([0, 1, 2, 3]);
});

test('well-known text is what a filter reads', () => {
  expect(wktOf({ type: 'Polygon', coordinates: [[[0, 0], [1, 0], [1, 1], [0, 0]]] })).toBe('POLYGON((0 0, 1 0, 1 1, 0 0))');
  expect(wktOf({ type: 'MultiPoint', coordinates: [[1, 2], [3, 4]] })).toBe('MULTIPOINT((1 2), (3 4))');
  expect(wktOf({ type: 'Point', coordinates: [117.123456789, 39] })).toBe('POINT(117.1234568 39)');
});
