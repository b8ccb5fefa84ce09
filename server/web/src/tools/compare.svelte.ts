// Two states of the city beside each other, with a swipe: now and then, or two styles of a layer.
import type { Feature } from 'geojson';
import { ApiError, fetchAllItems } from '../api/client';
import type { App } from '../app/app.svelte';
import { liveItemOf, type LiveItem } from '../live/item';
import { mark } from './features';

export type CompareWith = 'past' | 'style';

export class CompareTool {
  on = $state(false);
  kind = $state<CompareWith>('past');
  /** Where the divider stands, 0 to 1 from the left. */
  split = $state(0.5);
  /** Hours before now, for the past. */
  hours = $state(6);
  /** The layer and its style on the right; `none` is the page's own drawing. */
  layer = $state('');
  style = $state('none');
  items = $state.raw<ReadonlyMap<string, LiveItem> | null>(null);
  /** What people had drawn by then. */
  plans = $state.raw<Feature[]>([]);
  /** When the right side is of, milliseconds since 1970. */
  instant = $state<number | null>(null);
  failure = $state<string | null>(null);

  constructor(private readonly app: App) {}

  open(): void {
    this.on = true;
    void this.read();
  }

  leave(): void {
    this.on = false;
    this.items = null;
  }

  /** Reads every live collection of events as it was. */
  async read(): Promise<void> {
    if (this.kind !== 'past') return;
    this.failure = null;
    const instant = Date.now() - this.hours * 3_600_000;
    try {
      const layers = this.app.layers.filter(({ role, document }) => role.kind === 'live' && document.count > 0 && this.app.signOf(document.id) !== null);
      const parts = await Promise.all(layers.map(async ({ id }) => {
        const { items } = await fetchAllItems(id, { datetime: new Date(instant).toISOString() }, 20_000);
        return items.map((item) => liveItemOf(id, item)).filter(({ status }) => status !== 'cleared');
      }));
      const plans = await Promise.all(this.app.layers.filter(({ document }) => document.kind === 'features').map(({ id }) =>
        fetchAllItems(id, { datetime: new Date(instant).toISOString() }, 5_000)));
      this.plans = plans.flatMap(({ items }) => items).flatMap(({ geometry, properties }) =>
        (geometry ? [mark('shape', geometry, typeof properties['title'] === 'string' ? { label: properties['title'] } : {})] : []));
      this.items = new Map(parts.flat().map((item) => [item.key, item]));
      this.instant = instant;
    } catch (cause) {
      this.failure = cause instanceof ApiError ? cause.message : String(cause);
    }
  }
}
