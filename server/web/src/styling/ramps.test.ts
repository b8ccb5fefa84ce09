import { expect, test } from 'vitest';
import { palettes } from '../map/palette';
import { RAMPS } from './ramps';

/** Relative luminance and contrast as WCAG 2.2 defines them. */
function luminance(color: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16) / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
}
function contrast(a: string, b: string): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high! + 0.05) / (low! + 0.05);
}

test.each(Object.entries(RAMPS))('the ramp %s is seen on both grounds, and its neighbours are told apart', (_, colors) => {
  for (const color of colors) {
    expect(contrast(color, palettes.dark.land)).toBeGreaterThan(2.5);
    expect(contrast(color, palettes.light.land)).toBeGreaterThan(1.4);
  }
  colors.slice(1).forEach((color, at) => expect(contrast(color, colors[at]!)).toBeGreaterThan(1.25));
});
