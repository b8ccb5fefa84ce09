// The line to `/live`: it subscribes, hands on messages in batches, notices a dead line by the
// missing heartbeat, and connects again by itself. It knows nothing of what the messages mean.
import { liveAddress } from '../api/address';
import type { LiveMessage, LiveRequest } from '../api/types';

/** The server sends a heartbeat every 5 s; after this long without any message the line is dead. */
const SILENCE_MAX_MS = 13_000;
/** A line that does not open in this time is given up. */
const OPENING_MAX_MS = 10_000;
const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 10_000;
/** Messages are applied together this often, so that a burst costs one redraw. */
const BATCH_MS = 100;
/** Most changes that are applied in one go; the rest follows once the page has had its turn. */
const BATCH_CHANGES_MAX = 2_000;

export type Line = 'connecting' | 'live' | 'lost';

export interface LineStatus {
  line: Line;
  /** When the last message came, milliseconds since 1970; null before the first. */
  lastMessage: number | null;
  /** Failed attempts since the line was last live. */
  attempts: number;
  /** When the next attempt is made; null while one is under way. */
  retryAt: number | null;
}

export interface LineListener {
  /** The revision to resume after; null asks for a snapshot. */
  resumeAfter(): number | null;
  messages(batch: LiveMessage[]): void;
  status(status: LineStatus): void;
}

/** How many items a message is about. */
const weightOf = (message: LiveMessage): number =>
  message.type === 'delta' ? message.changes.length + (message.gone?.length ?? 0) : message.type === 'snapshot' ? message.features.length : 1;

export class LiveConnection {
  private socket: WebSocket | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private batchTimer: ReturnType<typeof setTimeout> | undefined;
  private batch: LiveMessage[] = [];
  private closed = false;
  private current: LineStatus = { line: 'connecting', lastMessage: null, attempts: 0, retryAt: null };

  constructor(private readonly listener: LineListener) {
    window.addEventListener('online', this.retryNow);
    document.addEventListener('visibilitychange', this.retryNow);
    this.connect();
  }

  /** Asks for a whole new snapshot on the open line. */
  resync(): void {
    this.send({ type: 'subscribe', collections: [] });
  }

  close(): void {
    this.closed = true;
    window.removeEventListener('online', this.retryNow);
    document.removeEventListener('visibilitychange', this.retryNow);
    clearTimeout(this.batchTimer);
    this.drop();
  }

  private readonly retryNow = (): void => {
    if (this.closed || document.visibilityState === 'hidden' || this.current.line !== 'lost') return;
    this.connect();
  };

  private connect(): void {
    this.drop();
    this.update({ line: this.current.line === 'lost' ? 'lost' : 'connecting', retryAt: null });
    const socket = new WebSocket(liveAddress());
    this.socket = socket;
    this.timer = setTimeout(() => this.fail(), OPENING_MAX_MS);
    socket.onopen = () => {
      const after = this.listener.resumeAfter();
      this.send({ type: 'subscribe', collections: [], ...(after === null ? {} : { after }) });
      this.awaitMessage();
    };
    socket.onmessage = (event: MessageEvent<unknown>) => this.receive(event.data);
    socket.onclose = () => this.fail();
  }

  private receive(data: unknown): void {
    this.awaitMessage();
    this.update({ line: 'live', lastMessage: Date.now(), attempts: 0, retryAt: null });
    if (typeof data !== 'string') return;
    try {
      this.batch.push(JSON.parse(data) as LiveMessage);
    } catch {
      // Half a message means that the line is broken; the next one resumes after what is known.
      this.fail();
      return;
    }
    this.batchTimer ??= setTimeout(() => this.hand(), BATCH_MS);
  }

  /** Hands on what waits, as much as may be at once. */
  private hand(): void {
    let [count, changes] = [0, 0];
    while (count < this.batch.length && changes < BATCH_CHANGES_MAX) changes += weightOf(this.batch[count++]!);
    const batch = this.batch.splice(0, count);
    this.batchTimer = this.batch.length > 0 ? setTimeout(() => this.hand()) : undefined;
    if (batch.length > 0) this.listener.messages(batch);
  }

  private flush(): void {
    clearTimeout(this.batchTimer);
    this.batchTimer = undefined;
    const { batch } = this;
    this.batch = [];
    if (batch.length > 0) this.listener.messages(batch);
  }

  private send(request: LiveRequest): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(request));
  }

  private awaitMessage(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.fail(), SILENCE_MAX_MS);
  }

  private fail(): void {
    if (this.closed) return;
    this.drop();
    // What came before the line broke is still good, and moves the revision to resume after.
    this.flush();
    const wait = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** this.current.attempts);
    // Spread out, so that the screens of a whole hall do not all come back in the same instant.
    const delay = wait * (0.75 + Math.random() / 2);
    this.update({ line: 'lost', attempts: this.current.attempts + 1, retryAt: Date.now() + delay });
    this.timer = setTimeout(() => this.connect(), delay);
  }

  private drop(): void {
    clearTimeout(this.timer);
    if (!this.socket) return;
    this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
    this.socket.close();
    this.socket = null;
  }

  private update(change: Partial<LineStatus>): void {
    this.current = { ...this.current, ...change };
    this.listener.status(this.current);
  }
}
