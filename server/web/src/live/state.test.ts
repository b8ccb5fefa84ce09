import { beforeEach, describe, expect, test } from 'vitest';
import type { Item, LiveMessage } from '../api/types';
import { emptyState, reduce, type LiveState } from './state';

const event = (id: string, properties: Record<string, unknown> = {}): Item => ({
  type: 'Feature',
  id,
  geometry: { type: 'Point', coordinates: [117.2, 39.1] },
  properties: { source: 'test', time: '2026-01-01T00:00:00Z', title: id, level: 4, status: 'open', ...properties },
});
const snapshot = (revision: number, items: Item[], last = true): LiveMessage => ({
  type: 'snapshot',
  revision,
  collection: 'events',
  features: items,
  last,
});
const delta = (after: number, revision: number, ...items: Item[]): LiveMessage => ({
  type: 'delta',
  after,
  revision,
  changes: items.map((feature) => ({ collection: 'events', revision, feature })),
});
const heartbeat = (revision: number): LiveMessage => ({ type: 'heartbeat', revision, time: '2026-01-01T00:00:00Z' });
const after = (...messages: LiveMessage[]): LiveState => reduce(emptyState(), messages);
const ids = (state: LiveState): string[] => [...state.items.values()].map((item) => item.id).sort();

describe('a snapshot', () => {
  test('in one part becomes the state', () => {
    const state = after(snapshot(7, [event('a'), event('b')]));
    expect(ids(state)).toEqual(['a', 'b']);
    expect(state.revision).toBe(7);
    expect(state.snapshots).toBe(1);
  });

  test('in parts shows nothing until the last part', () => {
    const first = after(snapshot(7, [event('a')], false));
    expect(ids(first)).toEqual([]);
    expect(first.revision).toBeNull();
    expect(ids(reduce(first, [snapshot(7, [event('b')])]))).toEqual(['a', 'b']);
  });

  test('replaces what was there, and an abandoned one leaves nothing behind', () => {
    const state = after(snapshot(7, [event('a')]), snapshot(8, [event('lost')], false), snapshot(9, [event('b')]));
    expect(ids(state)).toEqual(['b']);
  });

  test('of several collections keeps equal ids apart', () => {
    const other: LiveMessage = { ...snapshot(7, [event('a')]), collection: 'alarms' } as LiveMessage;
    expect(after(snapshot(7, [event('a')], false), other).items.size).toBe(2);
  });

  test('of an empty city is complete', () => {
    const state = after(snapshot(0, []));
    expect(state.revision).toBe(0);
    expect(state.items.size).toBe(0);
  });
});

test('a city without live collections is complete with a delta that changes nothing', () => {
  const state = after(delta(5, 5));
  expect(state).toMatchObject({ revision: 5, snapshots: 1, resync: null });
  const healed = reduce(reduce(state, [{ type: 'resync', reason: 'too old' }]), [delta(9, 9)]);
  expect(healed).toMatchObject({ revision: 9, resync: null });
});

describe('a delta', () => {
  let base: LiveState;
  beforeEach(() => (base = after(snapshot(7, [event('a')]))));

  test('adds, changes and clears', () => {
    const state = reduce(base, [
      delta(7, 8, event('b')),
      delta(8, 9, event('b', { level: 1 })),
      delta(9, 10, event('a', { status: 'cleared' })),
    ]);
    expect(ids(state)).toEqual(['b']);
    expect(state.items.get('events/b')?.level).toBe(1);
    expect(state.revision).toBe(10);
    expect(state.arrived).toEqual(['events/b']);
  });

  test('tells what was there before, once for each item', () => {
    const { touched } = reduce(base, [delta(7, 8, event('b')), delta(8, 9, event('b', { level: 1 }), event('a', { level: 2 }))]);
    expect([...touched!.keys()]).toEqual(['events/b', 'events/a']);
    expect(touched!.get('events/b')).toBeUndefined();
    expect(touched!.get('events/a')?.level).toBe(4);
  });

  test('that is already known is passed over', () => {
    const state = reduce(base, [delta(5, 6, event('old'))]);
    expect(ids(state)).toEqual(['a']);
    expect(state.resync).toBeNull();
  });

  test('after a gap is not applied but asks for a resync, and the old items stay', () => {
    const state = reduce(base, [delta(8, 9, event('b')), delta(9, 10, event('c'))]);
    expect(ids(state)).toEqual(['a']);
    expect(state.revision).toBe(7);
    expect(state.resync).toContain('8');
    const healed = reduce(state, [snapshot(10, [event('c')])]);
    expect(healed.resync).toBeNull();
    expect(ids(healed)).toEqual(['c']);
  });

  test('before any snapshot asks for one', () => {
    expect(after(delta(1, 2, event('a'))).resync).not.toBeNull();
  });

  test('without a place, time or level is kept', () => {
    const bare: Item = { type: 'Feature', id: 'bare', geometry: null, properties: { level: 9 } };
    const item = reduce(base, [delta(7, 8, bare)]).items.get('events/bare');
    expect(item).toMatchObject({ point: null, time: null, level: 0, status: 'open' });
  });
});

describe('other messages', () => {
  let base: LiveState;
  beforeEach(() => (base = after(snapshot(7, [event('a')]))));

  test('a changed layer is remembered with its revision', () => {
    const state = reduce(base, [{ type: 'layer_changed', after: 7, revision: 8, collection: 'roads' }]);
    expect(state.layers.get('roads')).toBe(8);
    expect(state.revision).toBe(8);
  });

  test('changed styles are counted, and move no revision', () => {
    const state = reduce(base, [{ type: 'styles_changed', style: 'roads' }]);
    expect(state).toMatchObject({ styles: 1, revision: 7, resync: null });
  });

  test('a resync is passed on', () => {
    expect(reduce(base, [{ type: 'resync', reason: 'too old' }]).resync).toBe('too old');
  });

  test('a complaint is shown until the line goes on', () => {
    const told = reduce(base, [{ type: 'error', reason: 'the server stops' }]);
    expect(told.error).toBe('the server stops');
    expect(reduce(told, [heartbeat(7)]).error).toBeNull();
  });

  test('a heartbeat leaves the items the very same', () => {
    expect(reduce(base, [heartbeat(7)]).items).toBe(base.items);
  });

  test('a heartbeat that is ahead once is patience, twice is a lost message', () => {
    const once = reduce(base, [heartbeat(8)]);
    expect(once.resync).toBeNull();
    expect(reduce(once, [delta(7, 8, event('b')), heartbeat(8)]).resync).toBeNull();
    expect(reduce(once, [heartbeat(8)]).resync).not.toBeNull();
  });

  test('a heartbeat from a server that went back asks for a resync', () => {
    expect(reduce(base, [heartbeat(3)]).resync).not.toBeNull();
  });
});
