// Two states of the city beside each other, with a swipe: two times, two layers (such as two plans), two
// versions of a layer, or two styles of it. The left side is the page's own map.
import type { Feature } from 'geojson';
import { ApiError, fetchAllItems } from '../api/client';
import type { App } from '../app/app.svelte';
import type { Layer } from '../layers/catalogue';
import { liveItemOf, type LiveItem } from '../live/item';
import { mark } from './features';
import { VersionChoice } from './versions.svelte';

export type CompareWith = 'past' | 'layer' | 'version' | 'style';

/** What changes by itself, as it was at an instant. */
export interface Past {
  /** Milliseconds since 1970. */
  instant: number;
  items: ReadonlyMap<string, LiveItem>;
  /** What people had drawn by then. */
  plans: Feature[];
}

export class CompareTool {
  on = $state(false);
  kind = $state<CompareWith>('past');
  /** Where the divider stands, 0 to 1 from the left. */
  split = $state(0.5);
  /** Hours before now on the left, where 0 is now, and on the right. */
  leftHours = $state(0);
  hours = $state(6);
  /** The layer on the left of two, and the one on the right, or the one whose style differs. */
  leftLayer = $state('');
  layer = $state('');
  /** A style on the right; `none` is the page's own drawing. */
  style = $state('none');
  /** The left side of two times; null for now. */
  left = $state.raw<Past | null>(null);
  /** The right side of two times. */
  past = $state.raw<Past | null>(null);
  readonly versions = new VersionChoice();
  failure = $state<string | null>(null);
  private asked = 0;

  constructor(private readonly app: App) {}

  /** The layers that can stand beside another. */
  readonly layers: Layer[] = $derived.by(() =>
    this.app.layers.filter(({ role, document }) => role.kind !== 'live' && role.kind !== 'elevation' && document.kind !== 'features'));

  /**
   * What is not drawn on a side, on top of what is hidden anyway: of two layers the other one, of a past
   * the plans, which in tiles are those of now.
   */
  hiddenOn(side: 'left' | 'right', hidden: ReadonlySet<string>): ReadonlySet<string> {
    if (!this.on) return hidden;
    const isPast = this.kind === 'past' && (side === 'right' || this.left !== null);
    if (isPast) return new Set([...hidden, ...this.plans.map(({ id }) => id)]);
    if (this.kind !== 'layer') return hidden;
    const [shown, other] = side === 'left' ? [this.leftLayer, this.layer] : [this.layer, this.leftLayer];
    return new Set([...hidden, other].filter((id) => id !== shown));
  }

  /** The layers of which an import may keep versions. */
  readonly versioned: Layer[] = $derived(this.layers.filter(({ document }) => document.kind === 'layer'));

  /** The kept version in which a layer is drawn on a side; null for the current one. */
  asOf(layer: Layer, side: 'left' | 'right'): number | null {
    return this.on && this.kind === 'version' ? this.versions.of(layer, side) : null;
  }

  /** What differs between two versions, on a side. */
  marks(side: 'left' | 'right'): Feature[] {
    return this.on && this.kind === 'version' ? this.versions.marks(side) : [];
  }

  open(): void {
    this.on = true;
    void this.read();
  }

  leave(): void {
    this.on = false;
    this.left = this.past = null;
  }

  choose(kind: CompareWith): void {
    this.kind = kind;
    this.left = this.past = null;
    void this.read();
  }

  /** Reads both sides of two times. */
  async read(): Promise<void> {
    if (this.kind !== 'past') return;
    this.failure = null;
    this.asked += 1;
    const asked = this.asked;
    const now = Date.now();
    try {
      const [left, past] = await Promise.all([
        this.leftHours === 0 ? null : this.pastAt(now - this.leftHours * 3_600_000),
        this.pastAt(now - this.hours * 3_600_000),
      ]);
      if (asked === this.asked && this.on && this.kind === 'past') [this.left, this.past] = [left, past];
    } catch (cause) {
      if (asked === this.asked) this.failure = cause instanceof ApiError ? cause.message : String(cause);
    }
  }

  private get plans(): Layer[] {
    return this.app.layers.filter(({ document }) => document.kind === 'features');
  }

  private async pastAt(instant: number): Promise<Past> {
    const datetime = new Date(instant).toISOString();
    const live = this.app.layers.filter(({ role, document }) => role.kind === 'live' && document.count > 0 && this.app.signOf(document.id) !== null);
    const [parts, drawn] = await Promise.all([
      Promise.all(live.map(async ({ id }) => {
        const { items } = await fetchAllItems(id, { datetime }, 20_000);
        return items.map((item) => liveItemOf(id, item)).filter(({ status }) => status !== 'cleared');
      })),
      Promise.all(this.plans.map(({ id }) => fetchAllItems(id, { datetime }, 5_000))),
    ]);
    const plans = drawn.flatMap(({ items }) => items).flatMap(({ geometry, properties }) =>
      (geometry ? [mark('shape', geometry, typeof properties['title'] === 'string' ? { label: properties['title'] } : {})] : []));
    return { instant, items: new Map(parts.flat().map((item) => [item.key, item])), plans };
  }
}
