// What the screens ask of the open items.
import type { Level, LiveItem } from './item';

export type LevelCounts = Record<Level, number>;

export function countByLevel(items: ReadonlyMap<string, LiveItem>): LevelCounts {
  const counts: LevelCounts = { 0: 0, 1: 0, 2: 0, 3: 0, 4: 0 };
  for (const item of items.values()) counts[item.level] += 1;
  return counts;
}

export function countByCollection(items: ReadonlyMap<string, LiveItem>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items.values()) counts.set(item.collection, (counts.get(item.collection) ?? 0) + 1);
  return counts;
}

export interface NewestItems {
  items: LiveItem[];
  /** How many of the chosen levels are open, listed or not. */
  total: number;
}

/** The newest items of the chosen levels, at most `limit`. O(n log n). */
export function newest(
  items: ReadonlyMap<string, LiveItem>,
  levels: ReadonlySet<Level>,
  limit: number,
): NewestItems {
  const chosen = [...items.values()].filter((item) => levels.has(item.level));
  chosen.sort((a, b) => (b.time ?? 0) - (a.time ?? 0) || (a.key < b.key ? -1 : 1));
  return { items: chosen.slice(0, limit), total: chosen.length };
}
