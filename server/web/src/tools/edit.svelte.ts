// Drawing and changing the items of a layer that people edit, such as a plan. Each change is one request, guarded by the state it was
// made on: what somebody else has changed meanwhile is not overwritten.
import type { Feature, Geometry, Position } from 'geojson';
import { collectionAddress, collectionsAddress, itemAddress } from '../api/address';
import { ApiError, fetchTagged, send } from '../api/client';
import type { App } from '../app/app.svelte';
import { texts } from '../i18n/i18n';
import { crossings, geometryOf, type SketchKind } from '../geo/shape';
import type { Layer } from '../layers/catalogue';
import { inTheMaking, mark, outlined } from './features';

export interface Draft {
  /** Null for a new item. */
  id: string | null;
  etag: string;
  geometry: Geometry | null;
  /** What a person has written, by attribute. */
  texts: Record<string, string>;
  /** All the item's attributes as they were. */
  before: Record<string, unknown>;
}

/** What a plan's items usually say. */
const USUAL = ['title', 'use', 'height', 'note'];
/** What the server says of an item by itself. */
const GIVEN = new Set(['source', 'time', 'since', 'until', 'recorded', 'class', 'level', 'status', 'district', 'street', 'community', 'grid', 'generated', 'areas']);

export class EditTool {
  target = $state('');
  draft = $state.raw<Draft | null>(null);
  failure = $state<string | null>(null);
  done = $state<string | null>(null);
  busy = $state(false);
  private corners = $state.raw<Position[]>([]);
  private stop: (() => void) | null = null;

  constructor(private readonly app: App) {}

  readonly candidates: Layer[] = $derived.by(() => this.app.layers.filter(({ document }) => document.kind === 'features'));
  readonly layer: Layer | undefined = $derived.by(() => this.candidates.find(({ id }) => id === this.target) ?? this.candidates[0]);
  /** What the next shape is. */
  kind = $state<Exclude<SketchKind, 'rectangle'>>('polygon');

  /** The attributes that the form has: those every plan has, and the item's own. */
  readonly fields: string[] = $derived.by(() => {
    const own = Object.keys(this.draft?.texts ?? {}).filter((name) => !GIVEN.has(name));
    return [...new Set([...USUAL, ...own])];
  });

  /** Where the draft crosses itself: it is not sent like that. */
  readonly faults: Position[] = $derived(this.draft?.geometry ? crossings(this.draft.geometry) : []);

  readonly features: Feature[] = $derived.by(() => {
    if (this.corners.length > 0) return inTheMaking(this.kind, this.corners);
    const geometry = this.draft?.geometry;
    return geometry ? [...outlined('shape', geometry), ...this.faults.map((place) => mark('fault', { type: 'Point', coordinates: place }))] : [];
  });

  /** Draws the shape of a new item, or a new shape for the one at hand. */
  drawShape(): void {
    this.stop?.();
    this.done = this.failure = null;
    const { kind } = this;
    this.stop = this.app.map?.draw(kind, {
      change: (corners) => (this.corners = corners),
      done: (corners) => {
        this.corners = [];
        this.endDrawing();
        const geometry = geometryOf(kind, corners);
        if (!geometry) return;
        this.draft = this.draft ? { ...this.draft, geometry } : { id: null, etag: '', geometry, texts: {}, before: {} };
      },
      cancel: () => {
        this.corners = [];
        this.endDrawing();
      },
    }) ?? null;
  }

  get drawing(): boolean {
    return this.stop !== null;
  }

  private endDrawing(): void {
    this.stop?.();
    this.stop = null;
  }

  /** Takes up the chosen item of the layer. */
  async takeUp(collection: string, id: string): Promise<void> {
    this.done = this.failure = null;
    try {
      const { item, etag } = await fetchTagged(collection, id);
      this.target = collection;
      const texts = Object.fromEntries(Object.entries(item.properties).map(([name, value]) => [name, value === null ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value)]));
      this.draft = { id: String(item.id), etag, geometry: item.geometry, texts, before: item.properties };
    } catch (cause) {
      this.failure = messageOf(cause);
    }
  }

  write(field: string, text: string): void {
    if (this.draft) this.draft = { ...this.draft, texts: { ...this.draft.texts, [field]: text } };
  }

  moveCorner(ring: number, at: number, to: Position): void {
    const geometry = this.draft?.geometry;
    if (!this.draft || geometry?.type !== 'Polygon') return;
    const rings = geometry.coordinates.map((corners, i) => {
      if (i !== ring) return corners;
      const changed = corners.map((corner, j) => (j === at ? to : corner));
      if (at === 0) changed[changed.length - 1] = to;
      return changed;
    });
    this.draft = { ...this.draft, geometry: { type: 'Polygon', coordinates: rings } };
  }

  async save(): Promise<void> {
    const { layer, draft } = this;
    if (!layer || !draft) return;
    if (this.faults.length > 0) {
      this.failure = this.app.t('edit.crosses');
      return;
    }
    const changed = Object.fromEntries(
      Object.entries(draft.texts).map(([field, text]) => [field, valueOf(field, text)] as const)
        .filter(([field, value]) => !GIVEN.has(field) && (draft.id === null ? value !== null : value !== (draft.before[field] ?? null))));
    const body = { type: 'Feature', geometry: draft.geometry, properties: changed };
    await this.request(async () => {
      const response = draft.id === null
        ? await send(`${collectionAddress(layer.id)}/items`, { method: 'POST', headers: { 'content-type': 'application/geo+json' }, body: JSON.stringify(body) })
        : await send(itemAddress(layer.id, draft.id), {
            method: 'PATCH',
            headers: { 'content-type': 'application/merge-patch+json', 'if-match': draft.etag },
            body: JSON.stringify({ geometry: draft.geometry, properties: changed }),
          });
      const made = response.headers.get('location')?.split('/').pop();
      this.done = this.app.t('edit.saved', { id: draft.id ?? decodeURIComponent(made ?? '') });
      this.draft = null;
    });
  }

  /** Makes a layer to draw in. */
  async makeLayer(): Promise<void> {
    const id = freeId(this.app.layers.map((layer) => layer.id));
    const title = { zh: texts.zh['edit.plan'], en: texts.en['edit.plan'] };
    await this.request(async () => {
      await send(collectionsAddress(), {
        method: 'POST', headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ id, kind: 'features', title, category: 'planning_control' }),
      });
      this.target = id;
    });
  }

  async remove(): Promise<void> {
    const { layer, draft } = this;
    if (!layer || draft?.id == null) return;
    const { id, etag } = draft;
    await this.request(async () => {
      await send(itemAddress(layer.id, id), { method: 'DELETE', headers: etag === '' ? {} : { 'if-match': etag } });
      this.done = this.app.t('edit.removed', { id });
      this.draft = null;
      this.app.deselect();
    });
  }

  cancel(): void {
    this.endDrawing();
    this.corners = [];
    this.draft = null;
    this.failure = null;
  }

  leave(): void {
    this.cancel();
    this.done = null;
  }

  private async request(act: () => Promise<void>): Promise<void> {
    this.busy = true;
    this.failure = null;
    try {
      await act();
      this.app.city.refresh();
    } catch (cause) {
      this.failure = cause instanceof ApiError && cause.status === 412 ? this.app.t('edit.stale') : messageOf(cause);
    } finally {
      this.busy = false;
    }
  }
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

function freeId(taken: readonly string[]): string {
  for (let number = 1; ; number += 1) {
    const id = number === 1 ? 'plans' : `plans_${number}`;
    if (!taken.includes(id)) return id;
  }
}

/** A written value: nothing, a truth, a number or a text. Names and titles stay texts. */
export function valueOf(field: string, text: string): unknown {
  if (text.trim() === '') return null;
  if (/title|name|code|note|^id$/.test(field)) return text;
  if (text === 'true' || text === 'false') return text === 'true';
  return /^[-+]?(\d+\.?\d*|\.\d+)$/.test(text.trim()) ? Number(text) : text;
}
