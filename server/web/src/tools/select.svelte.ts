// Selecting items of a layer by a shape: a rectangle, a polygon, or what lies within some metres of a
// place or of the chosen item. The server decides what is in it.
import type { Feature, Geometry, Position } from 'geojson';
import { ApiError, fetchAllItems } from '../api/client';
import type { Item } from '../api/types';
import type { App } from '../app/app.svelte';
import { geometryOf } from '../geo/shape';
import { wktOf } from '../geo/wkt';
import type { Layer } from '../layers/catalogue';
import { hasItems } from '../layers/roles';
import { bufferOf, cancelSketch, inTheMaking, mark } from './features';

export type SelectBy = 'rectangle' | 'polygon' | 'buffer' | 'item';

/** Most items that are read for statistics; beyond that the page says so. */
export const ITEMS_MAX = 50_000;
/** Most items that are outlined on the map. */
const OUTLINED_MAX = 5_000;

export interface Found {
  layer: Layer;
  filter: string;
  items: Item[];
  matched: number;
  /** When the server was asked, milliseconds since 1970. */
  time: number;
}

export class SelectTool {
  by = $state<SelectBy>('rectangle');
  metres = $state(200);
  target = $state('');
  found = $state.raw<Found | null>(null);
  failure = $state<string | null>(null);
  busy = $state(false);
  corners = $state.raw<Position[]>([]);
  private shape = $state.raw<Geometry | null>(null);
  private stop: (() => void) | null = null;
  private asking: AbortController | null = null;

  constructor(private readonly app: App) {}

  /** The layers that can be selected from: those that are shown and have items. */
  readonly candidates: Layer[] = $derived.by(() =>
    [...this.app.layers].reverse().filter(({ role, id, document }) => hasItems(role) && document.count > 0 && !this.app.settings.hidden.has(id)));

  readonly layer: Layer | undefined = $derived.by(() =>
    this.candidates.find(({ id }) => id === this.target) ?? this.candidates.find(({ role }) => role.kind === 'buildings') ?? this.candidates[0]);

  readonly features: Feature[] = $derived.by(() => {
    const kind = this.by === 'polygon' ? 'polygon' : 'rectangle';
    const shape = this.shape;
    const chosen = (this.found?.items ?? []).slice(0, OUTLINED_MAX).flatMap(({ geometry }) => (geometry ? [mark('chosen', geometry)] : []));
    if (this.corners.length > 0) return inTheMaking(kind, this.corners);
    if (!shape) return chosen;
    return [...chosen, ...(this.by === 'buffer' || this.by === 'item' ? bufferOf(shape, this.metres) : [mark('shape', shape)])];
  });

  /** Takes a shape from the map, again and again until the tool is left. */
  start(): void {
    this.stop?.();
    this.stop = null;
    if (this.by === 'item') {
      const geometry = this.app.selection?.item?.geometry ?? null;
      if (geometry) this.take(geometry);
      return;
    }
    const kind = this.by === 'buffer' ? 'point' : this.by;
    this.stop = this.app.map?.draw(kind, {
      change: (corners) => (this.corners = corners),
      done: (corners) => {
        this.corners = [];
        const geometry = geometryOf(kind, corners);
        if (geometry) this.take(geometry);
        else this.failure = this.app.t('select.empty');
      },
      cancel: () => cancelSketch(this, this.app),
    }) ?? null;
  }

  leave(): void {
    this.stop?.();
    this.stop = null;
    this.corners = [];
  }

  clear(): void {
    this.asking?.abort();
    this.found = null;
    this.shape = null;
    this.failure = null;
    this.busy = false;
  }

  /** Asks again with the same shape: another layer, another distance. */
  again(): void {
    if (this.shape) this.take(this.shape);
  }

  private take(shape: Geometry): void {
    const { layer } = this;
    if (!layer) return;
    this.asking?.abort();
    const asking = new AbortController();
    this.asking = asking;
    this.shape = shape;
    this.busy = true;
    this.failure = null;
    const wkt = wktOf(shape);
    const own = this.app.settings.presentationOf(layer.id).filter;
    const within = this.by === 'buffer' || this.by === 'item' ? `distance(geometry, ${wkt}) <= ${this.metres}` : `S_INTERSECTS(geometry, ${wkt})`;
    const filter = own === '' ? within : `(${own}) AND ${within}`;
    const time = Date.now();
    fetchAllItems(layer.id, { filter }, ITEMS_MAX, asking.signal).then(
      ({ items, matched }) => {
        this.found = { layer, filter, items, matched, time };
        this.busy = false;
      },
      (cause: unknown) => {
        if (asking.signal.aborted) return;
        this.failure = cause instanceof ApiError ? cause.message : String(cause);
        this.busy = false;
      },
    );
  }
}
