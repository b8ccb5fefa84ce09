// What the screens ask of the open items.
import type { Level, LiveItem } from './item';

export type LevelCounts = Record<Level, number>;

export function countByLevel(items: Iterable<LiveItem>): LevelCounts {
  const counts: LevelCounts = { 0: 0, 1: 0, 2: 0, 3: 0, 4: 0 };
  for (const item of items) counts[item.level] += 1;
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

/** The newest items of the chosen levels, at most `limit`. O(n log limit). */
export function newest(
  items: Iterable<LiveItem>,
  levels: ReadonlySet<Level>,
  limit: number,
): NewestItems {
  const before = (a: LiveItem, b: LiveItem): boolean => (a.time ?? 0) > (b.time ?? 0) || ((a.time ?? 0) === (b.time ?? 0) && a.key < b.key);
  const best: LiveItem[] = [];
  let total = 0;
  for (const item of items) {
    if (!levels.has(item.level)) continue;
    total += 1;
    if (best.length === limit && !before(item, best[limit - 1]!)) continue;
    let [low, high] = [0, best.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (before(best[middle]!, item)) low = middle + 1;
      else high = middle;
    }
    best.splice(low, 0, item);
    if (best.length > limit) best.pop();
  }
  return { items: best, total };
}
