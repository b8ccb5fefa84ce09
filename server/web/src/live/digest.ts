// What the screens ask of the open items, kept up change by change: counts, and the newest of each
// level. A storm of events costs as much as it changes, however many items are open.
import { LEVELS, type Level, type LiveItem } from './item';

export type LevelCounts = Record<Level, number>;

/** Most items that a list can be asked for. */
export const NEWEST_MAX = 200;

export interface NewestItems {
  items: LiveItem[];
  /** How many of the chosen levels are open, listed or not. */
  total: number;
}

const noCounts = (): LevelCounts => ({ 0: 0, 1: 0, 2: 0, 3: 0, 4: 0 });

/** Negative if `a` comes first: the newest do, and of the same instant the lower key. */
function byTime(a: LiveItem, b: LiveItem): number {
  return (b.time ?? 0) - (a.time ?? 0) || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
}

/** The newest items of a level of a collection, in order. A change is O(log n) in what is kept. */
class Newest {
  readonly kept: LiveItem[] = [];
  /** Whether some items are older than all that is kept. */
  private rest = false;

  put(item: LiveItem): void {
    const at = this.placeOf(item);
    // Between the oldest that is kept and this one there may be others.
    if (at === this.kept.length && this.rest) return;
    this.kept.splice(at, 0, item);
    if (this.kept.length > 2 * NEWEST_MAX) {
      this.kept.pop();
      this.rest = true;
    }
  }

  drop(item: LiveItem): void {
    const at = this.placeOf(item);
    if (this.kept[at]?.key === item.key) this.kept.splice(at, 1);
  }

  /** Whether so many have gone that those that were left out are needed. */
  get isShort(): boolean {
    return this.rest && this.kept.length < NEWEST_MAX;
  }

  refill(items: Iterable<LiveItem>): void {
    this.kept.length = 0;
    this.rest = false;
    for (const item of items) this.put(item);
  }

  private placeOf(item: LiveItem): number {
    let [low, high] = [0, this.kept.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (byTime(this.kept[middle]!, item) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

interface Part {
  counts: LevelCounts;
  newest: Record<Level, Newest>;
}

export class Digest {
  private readonly parts = new Map<string, Part>();

  /** Starts anew with other items. Linear in them. */
  reset(items: Iterable<LiveItem>): void {
    this.parts.clear();
    for (const item of items) this.change(undefined, item);
  }

  /** Takes in that an item came, changed or went. */
  change(before: LiveItem | undefined, after: LiveItem | undefined): void {
    if (before) {
      const part = this.partOf(before.collection);
      part.counts[before.level] -= 1;
      part.newest[before.level].drop(before);
    }
    if (after) {
      const part = this.partOf(after.collection);
      part.counts[after.level] += 1;
      part.newest[after.level].put(after);
    }
  }

  /** How many items of a collection are open. */
  count(collection: string): number {
    const part = this.parts.get(collection);
    return part ? LEVELS.reduce((sum: number, level) => sum + part.counts[level], 0) : 0;
  }

  /** How many items of the chosen collections are open, by level. */
  levels(isChosen: (collection: string) => boolean): LevelCounts {
    const sum = noCounts();
    for (const [collection, { counts }] of this.parts) if (isChosen(collection)) for (const level of LEVELS) sum[level] += counts[level];
    return sum;
  }

  /** The newest items of the chosen collections and levels, at most `NEWEST_MAX`. `all` are the open items. */
  newest(isChosen: (collection: string) => boolean, levels: ReadonlySet<Level>, all: ReadonlyMap<string, LiveItem>): NewestItems {
    const found: LiveItem[] = [];
    let total = 0;
    for (const [collection, { counts, newest }] of this.parts) {
      if (!isChosen(collection)) continue;
      for (const level of levels) {
        const list = newest[level];
        if (list.isShort) list.refill([...all.values()].filter((item) => item.collection === collection && item.level === level));
        found.push(...list.kept.slice(0, NEWEST_MAX));
        total += counts[level];
      }
    }
    return { items: found.sort(byTime).slice(0, NEWEST_MAX), total };
  }

  private partOf(collection: string): Part {
    let part = this.parts.get(collection);
    if (!part) {
      part = { counts: noCounts(), newest: { 0: new Newest(), 1: new Newest(), 2: new Newest(), 3: new Newest(), 4: new Newest() } };
      this.parts.set(collection, part);
    }
    return part;
  }
}
