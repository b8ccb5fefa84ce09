import { getPosition } from 'suncalc';
import { expect, test } from 'vitest';
import { nearest, shadowsOf } from './shadows';

const house = { id: 1, ring: [[117, 39], [117.001, 39], [117.001, 39.001], [117, 39.001], [117, 39]], height: 100 };

test('a shadow falls away from the sun, as long as the height over the tangent of its altitude', () => {
  const [shadow] = shadowsOf([house], { azimuth: 180, altitude: 45 }).features;
  const [cast] = shadow!.geometry.coordinates[0]!;
  expect((cast![0]![1]! - 39) * 111_195).toBeCloseTo(100, 3);
  expect(cast![0]![0]).toBeCloseTo(117, 9);
  const east = shadowsOf([house], { azimuth: 270, altitude: 45 }).features[0]!.geometry.coordinates[0]![0]!;
  expect(east[0]![0]).toBeGreaterThan(117);
});

test('the sun stands where the almanac says', () => {
  // NOAA's solar calculator for Tianjin, 21 June 2026, 12:14 at UTC+8, the highest point of the day.
  const sun = getPosition(new Date('2026-06-21T04:14:00Z'), 39.13, 117.2);
  expect(sun.altitude).toBeCloseTo(90 - 39.13 + 23.44, 0);
  expect(Math.abs(sun.azimuth - 180)).toBeLessThan(3);
});

test('of more houses than cast shadows, those farthest from the middle cast none', () => {
  const houses = Array.from({ length: 7_000 }, (_, id) => ({ id, ring: [[117 + id / 1e5, 39]], height: 10 }));
  const kept = new Set(nearest(houses, [117.07, 39]).map(({ id }) => id));
  expect([kept.size, kept.has(6_999), kept.has(1_000), kept.has(999)]).toEqual([6_000, true, true, false]);
  expect(nearest(houses.slice(0, 10), [0, 0])).toHaveLength(10);
});
