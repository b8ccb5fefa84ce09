import { expect, test } from 'vitest';
import { dayOf, instantOf, minuteOf } from './clock';

test('an instant and its day and minute in a zone are the same', () => {
  for (const zone of ['Asia/Shanghai', 'America/New_York', 'UTC', 'Asia/Kathmandu']) {
    for (const time of [Date.UTC(2026, 5, 21, 4, 15), Date.UTC(2026, 0, 1, 23, 59), Date.UTC(2026, 10, 1, 5, 30)]) {
      expect(instantOf(dayOf(time, zone), minuteOf(time, zone), zone), zone).toBe(time);
    }
  }
  expect(instantOf('2026-06-21', 12 * 60, 'Asia/Shanghai')).toBe(Date.UTC(2026, 5, 21, 4));
});
