// The past: any live collection as it was at an instant, with a slider and play.
import { ApiError, fetchAllItems } from '../api/client';
import type { App } from '../app/app.svelte';
import type { Layer } from '../layers/catalogue';
import { liveItemOf, type LiveItem } from '../live/item';

/** Spans to look back over, in hours. */
export const SPANS = [1, 6, 24, 168] as const;
/** Instants that a play of the whole span passes through. */
export const STEPS = 120;
const STEP_MS = 400;
const ITEMS_MAX = 20_000;

export class TimeTool {
  on = $state(false);
  target = $state('');
  hours = $state<number>(6);
  /** The end of the span, milliseconds since 1970. */
  end = $state(Date.now());
  /** 0 to STEPS. */
  step = $state(STEPS);
  playing = $state(false);
  failure = $state<string | null>(null);
  /** What was there at `shownAt`. */
  items = $state.raw<ReadonlyMap<string, LiveItem> | null>(null);
  shownAt = $state<number | null>(null);
  private timer: ReturnType<typeof setTimeout> | undefined;
  private asking: AbortController | null = null;

  constructor(private readonly app: App) {}

  readonly candidates: Layer[] = $derived.by(() => this.app.layers.filter(({ role, document }) => role.kind === 'live' && document.count > 0));
  readonly layer: Layer | undefined = $derived.by(() => this.candidates.find(({ id }) => id === this.target) ?? this.candidates.find(({ document }) => document.kind === 'incidents') ?? this.candidates[0]);
  readonly start = $derived(this.end - this.hours * 3_600_000);
  readonly instant = $derived(this.start + ((this.end - this.start) * this.step) / STEPS);

  open(): void {
    this.on = true;
    this.end = Date.now();
    this.step = STEPS;
    void this.show();
  }

  leave(): void {
    this.pause();
    this.asking?.abort();
    this.on = false;
    this.items = null;
    this.shownAt = null;
    this.failure = null;
  }

  seek(step: number): void {
    this.step = Math.max(0, Math.min(STEPS, step));
    void this.show();
  }

  play(): void {
    if (this.step >= STEPS) this.step = 0;
    this.playing = true;
    void this.tick();
  }

  pause(): void {
    this.playing = false;
    clearTimeout(this.timer);
  }

  /** Each step waits for the one before, so that a slow server plays slowly instead of skipping. */
  private async tick(): Promise<void> {
    const began = Date.now();
    await this.show();
    if (!this.playing) return;
    if (this.step >= STEPS) return this.pause();
    this.timer = setTimeout(() => {
      this.step += 1;
      void this.tick();
    }, Math.max(0, STEP_MS - (Date.now() - began)));
  }

  async show(): Promise<void> {
    const { layer, instant } = this;
    if (!layer) return;
    this.asking?.abort();
    const asking = new AbortController();
    this.asking = asking;
    try {
      const { items } = await fetchAllItems(layer.id, { datetime: new Date(instant).toISOString() }, ITEMS_MAX, asking.signal);
      const open = items.map((item) => liveItemOf(layer.id, item)).filter(({ status }) => status !== 'cleared');
      this.items = new Map(open.map((item) => [item.key, item]));
      this.shownAt = instant;
      this.failure = null;
    } catch (cause) {
      if (asking.signal.aborted) return;
      this.failure = cause instanceof ApiError ? cause.message : String(cause);
      this.pause();
    }
  }
}
