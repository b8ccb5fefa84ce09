// Finding a place: by coordinates at once, by name, code or address in every collection.
import { ApiError, fetchItems } from '../api/client';
import type { Item } from '../api/types';
import type { App } from '../app/app.svelte';
import { placesOf, type Place } from '../geo/coordinates';
import type { Layer } from '../layers/catalogue';
import { hasItems } from '../layers/roles';

export type Finding =
  | { kind: 'place'; place: Place }
  | { kind: 'item'; layer: Layer; item: Item; name: string };

const PER_LAYER = 4;
const FINDINGS_MAX = 24;
const DELAY_MS = 250;

export class Search {
  text = $state('');
  findings = $state.raw<Finding[]>([]);
  busy = $state(false);
  failure = $state<string | null>(null);
  private timer: ReturnType<typeof setTimeout> | undefined;
  private asking: AbortController | null = null;

  constructor(private readonly app: App) {}

  write(text: string): void {
    this.text = text;
    clearTimeout(this.timer);
    this.asking?.abort();
    this.failure = null;
    const places = placesOf(text).map((place): Finding => ({ kind: 'place', place }));
    this.findings = places;
    this.busy = text.trim().length > 0 && places.length === 0;
    if (this.busy) this.timer = setTimeout(() => void this.ask(text.trim()), DELAY_MS);
  }

  private async ask(text: string): Promise<void> {
    const asking = new AbortController();
    this.asking = asking;
    const layers = this.app.layers.filter(({ role, document }) => hasItems(role) && document.count > 0 && !['sources', 'targets', 'rules'].includes(document.kind));
    try {
      const parts = await Promise.all(layers.map(async (layer) => {
        const { features } = await fetchItems(layer.id, { q: text, limit: String(PER_LAYER) }, asking.signal);
        return features.map((item): Finding & { kind: 'item' } => ({ kind: 'item', layer, item, name: nameOf(item) }));
      }));
      // What bears the very name comes first, then what begins with it; larger areas before what is in them.
      const rank = ({ name, item }: { name: string; item: Item }): number =>
        name === text || String(item.id) === text || item.properties['code'] === text ? 0 : name.startsWith(text) ? 1 : name.includes(text) ? 2 : 3;
      this.findings = parts.flat().sort((a, b) => rank(a) - rank(b)).slice(0, FINDINGS_MAX);
    } catch (cause) {
      if (asking.signal.aborted) return;
      this.failure = cause instanceof ApiError ? cause.message : String(cause);
      this.findings = [];
    }
    this.busy = false;
  }

  go(finding: Finding): void {
    if (finding.kind === 'place') {
      this.app.marked = finding.place.point;
      this.app.map?.flyToPoint(finding.place.point);
      return;
    }
    const { layer, item, name } = finding;
    this.app.marked = null;
    this.app.select({ collection: layer.id, id: String(item.id), name }, []);
    this.app.map?.flyTo(item);
  }
}

export function nameOf({ id, properties }: Item): string {
  for (const field of ['name', 'title', 'address']) {
    const value = properties[field];
    if (typeof value === 'string' && value !== '') return value;
  }
  const street = properties['addr_street'];
  if (typeof street === 'string' && street !== '') return `${street} ${String(properties['addr_housenumber'] ?? '')}`.trim();
  return String(properties['code'] ?? id);
}
