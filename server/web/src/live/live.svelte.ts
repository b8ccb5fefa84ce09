// The live state of the page: the connection's messages, reduced.
import type { LiveMessage } from '../api/types';
import { LiveConnection, type LineStatus } from './connection';
import { countByLevel } from './select';
import { emptyState, reduce, type LiveState } from './state';

export class Live {
  state = $state.raw<LiveState>(emptyState);
  items = $derived(this.state.items);
  counts = $derived(countByLevel(this.items));
  status = $state.raw<LineStatus>({ line: 'connecting', lastMessage: null, attempts: 0, retryAt: null });

  private readonly connection: LiveConnection;
  private asked: string | null = null;

  constructor() {
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

  private receive(batch: LiveMessage[]): void {
    this.state = reduce(this.state, batch);
    // Ask once per reason; the complete snapshot takes the reason away.
    if (this.state.resync !== null && this.asked === null) this.connection.resync();
    this.asked = this.state.resync;
  }
}
