import { expect, test } from 'vitest';
import { metresOfPixel, pixelOf } from './terrain';

test('a place is found in its tile', () => {
  // Tianjin's drum tower at zoom 13: the row and column by the inverse hyperbolic sine of its tangent.
  expect(pixelOf([117.1768, 39.1427])).toMatchObject({ column: 6762, row: 3126 });
  expect(pixelOf([-180, 85.05112])).toMatchObject({ column: 0, row: 0, px: 0, py: 0 });
});

test('a pixel is a height', () => {
  expect(metresOfPixel(1, 134, 160)).toBe(0);
  expect(metresOfPixel(1, 134, 196)).toBe(3.6);
});
