import { expect, test } from 'vitest';
import { metresPerPixel, scaleBar } from './scale';

test('at zoom 0 the equator is 512 pixels', () => {
  expect(metresPerPixel(0, 0) * 512).toBeCloseTo(40_075_016.686);
});

test('the bar is round and fits', () => {
  for (let zoom = 0; zoom <= 22; zoom += 0.37) {
    const { metres, width } = scaleBar(39.1, zoom, 100);
    expect(width).toBeLessThanOrEqual(100.0001);
    expect(width).toBeGreaterThan(39);
    expect([1, 2, 5]).toContain(Number((metres / 10 ** Math.floor(Math.log10(metres) + 1e-9)).toFixed(6)));
  }
});
