// The live state of the page: the connection's messages, reduced.
import type { LiveMessage } from '../api/types';
import { LiveConnection, type LineStatus } from './connection';
import { countByLevel } from './select';
import type { Sign } from './kinds';
import { emptyState, reduce, type LiveState } from './state';

export class Live {
  state = $state.raw<LiveState>(emptyState);
  items = $derived(this.state.items);
  /** Those of the collections whose items are events. */
  events = $derived([...this.items.values()].filter(({ collection }) => this.signOf(collection) === 'event'));
  counts = $derived(countByLevel(this.events));
  status = $state.raw<LineStatus>({ line: 'connecting', lastMessage: null, attempts: 0, retryAt: null });

  /** The latest revision of each collection whose items are drawn from tiles. */
  revisions = $state.raw<ReadonlyMap<string, number>>(new Map());

  private readonly connection: LiveConnection;
  private asked: string | null = null;

  /** What has changed since the map was last drawn; null for everything. */
  private pending: Set<string> | null = null;

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

  /** The keys of what has changed since the last call; null for everything. */
  drain(): ReadonlySet<string> | null {
    const { pending } = this;
    this.pending = new Set();
    return pending;
  }

  private receive(batch: LiveMessage[]): void {
    this.state = reduce(this.state, batch);
    const { touched } = this.state;
    if (touched === null) this.pending = null;
    else for (const key of touched) this.pending?.add(key);
    const drawn = batch.flatMap((message) => (message.type === 'delta' ? [...message.changes, ...(message.gone ?? [])] : []))
      .filter(({ collection }) => this.isTiled(collection));
    if (drawn.length > 0) {
      const revisions = new Map(this.revisions);
      for (const { collection, revision } of drawn) revisions.set(collection, revision);
      this.revisions = revisions;
    }
    // Ask once per reason; the complete snapshot takes the reason away.
    if (this.state.resync !== null && this.asked === null) this.connection.resync();
    this.asked = this.state.resync;
  }
}
