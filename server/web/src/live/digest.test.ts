import { expect, test } from 'vitest';
import { Digest, NEWEST_MAX } from './digest';
import { keyOf, LEVELS, type Level, type LiveItem } from './item';

const item = (id: number, level: Level, time: number | null, collection = 'events'): LiveItem => ({
  key: keyOf(collection, String(id)), collection, id: String(id), title: '', level, status: 'open', class: '', source: '', time, point: null, heading: 0,
});

test('after any changes the digest says what counting and sorting everything says', () => {
  let seed = 7;
  const chance = (below: number): number => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % below;
  };
  const digest = new Digest();
  const open = new Map<string, LiveItem>();
  for (let round = 0; round < 6_000; round += 1) {
    const collection = chance(4) === 0 ? 'alarms' : 'events';
    const after = item(chance(2_500), chance(5) as Level, chance(20) === 0 ? null : chance(1_000_000), collection);
    const before = open.get(after.key);
    // First it grows, then it shrinks to nothing, so that lists run short.
    const gone = before !== undefined && chance(10) < (round < 3_000 ? 1 : 9);
    digest.change(before, gone ? undefined : after);
    if (gone) open.delete(after.key);
    else if (round < 3_000 || before) open.set(after.key, after);
    else digest.change(after, undefined);
    if (round % 97 !== 0) continue;

    const levels = new Set(LEVELS.filter(() => chance(3) > 0));
    const chosen = chance(2) === 0 ? () => true : (id: string) => id === 'events';
    const expected = [...open.values()].filter((one) => chosen(one.collection) && levels.has(one.level))
      .sort((a, b) => (b.time ?? 0) - (a.time ?? 0) || (a.key < b.key ? -1 : 1));
    const found = digest.newest(chosen, levels, open);
    expect(found.total).toBe(expected.length);
    expect(found.items.map(({ key }) => key)).toEqual(expected.slice(0, NEWEST_MAX).map(({ key }) => key));
    expect(digest.count('events')).toBe([...open.values()].filter((one) => one.collection === 'events').length);
    for (const level of LEVELS) expect(digest.levels(chosen)[level]).toBe([...open.values()].filter((one) => chosen(one.collection) && one.level === level).length);
  }
});

test('a reset forgets what was', () => {
  const digest = new Digest();
  digest.change(undefined, item(1, 1, 5));
  digest.reset([item(2, 3, 6)]);
  expect(digest.levels(() => true)).toEqual({ 0: 0, 1: 0, 2: 0, 3: 1, 4: 0 });
  expect(digest.count('alarms')).toBe(0);
});
