import { expect, test } from 'vitest';
import { histogramOf, summaryOf } from './statistics';

test('numbers are summed up and everything else is passed over', () => {
  expect(summaryOf([3, null, 1, 'x', 2, Number.NaN])).toEqual({ count: 3, sum: 6, mean: 2, least: 1, median: 2, greatest: 3 });
  expect(summaryOf([1, 2, 3, 10])?.median).toBe(2.5);
  expect(summaryOf(['a', null])).toBeNull();
});

test('a histogram has round classes, loses nobody and has gaps where there is nobody', () => {
  const values = [3, 12, 14, 55, 57, 101];
  const bars = histogramOf(values, 12);
  expect(bars.map(({ label }) => label)).toEqual(['0', '10', '20', '30', '40', '50', '60', '70', '80', '90', '100']);
  expect(bars.reduce((sum, { count }) => sum + count, 0)).toBe(values.length);
  expect(histogramOf([7, 7, 7])).toEqual([{ label: '7', count: 3 }]);
  expect(histogramOf([-0.25, 0.31]).reduce((sum, { count }) => sum + count, 0)).toBe(2);
  expect(histogramOf([])).toEqual([]);
});
