// What can be said of many items at once. Pure.
import type { Item } from '../api/types';

export interface NumberSummary {
  count: number;
  sum: number;
  mean: number;
  least: number;
  median: number;
  greatest: number;
}

/** Of the numbers among the values; null if there are none. O(n log n). */
export function summaryOf(values: readonly unknown[]): NumberSummary | null {
  const numbers = values.filter((value): value is number => typeof value === 'number' && Number.isFinite(value)).sort((a, b) => a - b);
  if (numbers.length === 0) return null;
  const sum = numbers.reduce((total, value) => total + value, 0);
  const half = numbers.length / 2;
  const median = numbers.length % 2 === 1 ? numbers[Math.floor(half)]! : (numbers[half - 1]! + numbers[half]!) / 2;
  return { count: numbers.length, sum, mean: sum / numbers.length, least: numbers[0]!, median, greatest: numbers.at(-1)! };
}

export interface Bar {
  label: string;
  count: number;
}

/** Counts in classes of a round width: 1, 2 or 5 times a power of ten, at most `most` of them. */
export function histogramOf(values: readonly unknown[], most = 12): Bar[] {
  const numbers = values.filter((value): value is number => typeof value === 'number' && Number.isFinite(value));
  if (numbers.length === 0) return [];
  const least = numbers.reduce((low, value) => Math.min(low, value), Infinity);
  const greatest = numbers.reduce((high, value) => Math.max(high, value), -Infinity);
  const width = roundUp((greatest - least) / most || 1);
  const first = Math.floor(least / width);
  const bars = Array.from({ length: Math.floor(greatest / width) - first + 1 }, (_, i) => ({ label: tidy((first + i) * width), count: 0 }));
  for (const value of numbers) bars[Math.floor(value / width) - first]!.count += 1;
  return bars;
}

const tidy = (value: number): string => String(Number(value.toPrecision(6)));

function roundUp(width: number): number {
  const power = 10 ** Math.floor(Math.log10(width));
  return [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= width * 0.999_999) ?? power * 10;
}

export const valuesOf = (items: readonly Item[], field: string): unknown[] => items.map(({ properties }) => properties[field]);
