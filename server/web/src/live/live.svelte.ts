// The live state of the page: the connection's messages, reduced.
import { untrack } from 'svelte';
import type { LiveMessage } from '../api/types';
import { LiveConnection, type LineStatus } from './connection';
import { Digest, type LevelCounts, type NewestItems } from './digest';
import { LEVELS, type Level, type LiveItem } from './item';
import type { Sign } from './kinds';
import { emptyState, reduce, type LiveState } from './state';

/** Milliseconds between two changes of what is read: nobody reads faster. */
const READ_MS = 500;

/** Gives the keys of what has changed since it was last called; null for everything. */
export type Changes = () => ReadonlySet<string> | null;

export class Live {
  /** Another object whenever something has changed; its items are the same map, changed. */
  state = $state.raw<LiveState>(emptyState());
  status = $state.raw<LineStatus>({ line: 'connecting', lastMessage: null, attempts: 0, retryAt: null });

  /** Moves on with the state, at once after a pause and else at a pace at which people read. */
  private read = $state(0);
  private reading: ReturnType<typeof setTimeout> | undefined;
  private unread = false;

  /** The latest revision of each collection whose items are drawn from tiles. */
  revisions = $state.raw<ReadonlyMap<string, number>>(new Map());

  private readonly connection: LiveConnection;
  private readonly digest = new Digest();
  private readonly isEvent = (collection: string): boolean => this.signOf(collection) === 'event';
  private asked: string | null = null;

  /** What has changed since each follower last asked. */
  private readonly followers = new Set<{ pending: Set<string> | null }>();

  constructor(private readonly signOf: (collection: string) => Sign, private readonly isTiled: (collection: string) => boolean) {
    this.connection = new LiveConnection({
      resumeAfter: () => (this.state.resync === null ? this.state.revision : null),
      messages: (batch) => this.receive(batch),
      status: (status) => {
        if (status.line === 'lost') this.asked = null;
        this.status = status;
      },
    });
  }

  close(): void {
    this.connection.close();
  }

  get items(): ReadonlyMap<string, LiveItem> {
    return this.state.items;
  }

  /** Open items of the collections whose items are events, by level. */
  readonly counts: LevelCounts = $derived.by(() => {
    void this.read;
    return this.digest.levels(this.isEvent);
  });

  /** How many events are open. */
  readonly eventCount: number = $derived(LEVELS.reduce((sum: number, level) => sum + this.counts[level], 0));

  /** How many items of a collection are open. */
  count(collection: string): number {
    void this.read;
    return this.digest.count(collection);
  }

  /** The newest events of some levels. */
  newestEvents(levels: ReadonlySet<Level>): NewestItems {
    void this.read;
    return this.digest.newest(this.isEvent, levels, untrack(() => this.items));
  }

  /** Follows what changes from now on; the second of the pair ends it. */
  follow(): [Changes, () => void] {
    const follower: { pending: Set<string> | null } = { pending: null };
    this.followers.add(follower);
    const changes = (): ReadonlySet<string> | null => {
      const { pending } = follower;
      follower.pending = new Set();
      return pending;
    };
    return [changes, () => this.followers.delete(follower)];
  }

  private receive(batch: LiveMessage[]): void {
    const state = reduce(this.state, batch);
    const { touched, items } = state;
    if (touched === null) this.digest.reset(items.values());
    else for (const [key, before] of touched) this.digest.change(before, items.get(key));
    for (const follower of this.followers) {
      if (touched === null) follower.pending = null;
      else for (const key of touched.keys()) follower.pending?.add(key);
    }
    this.state = state;
    this.readSoon();
    this.noteTiled(batch);
    // Ask once per reason; the complete snapshot takes the reason away.
    if (state.resync !== null && this.asked === null) this.connection.resync();
    this.asked = state.resync;
  }

  private readSoon(): void {
    if (this.reading !== undefined) {
      this.unread = true;
      return;
    }
    this.read += 1;
    this.reading = setTimeout(() => {
      this.reading = undefined;
      if (this.unread) {
        this.unread = false;
        this.readSoon();
      }
    }, READ_MS);
  }

  private noteTiled(batch: readonly LiveMessage[]): void {
    const drawn = batch.flatMap((message) => (message.type === 'delta' ? [...message.changes, ...(message.gone ?? [])] : []))
      .filter(({ collection }) => this.isTiled(collection));
    if (drawn.length === 0) return;
    const revisions = new Map(this.revisions);
    for (const { collection, revision } of drawn) revisions.set(collection, revision);
    this.revisions = revisions;
  }
}
