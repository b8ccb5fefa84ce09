// The page's state, and what a person can do with it. The panels read and call this; the map is
// kept in step by MapPane.svelte.
import { untrack } from 'svelte';
import { fetchItem, ApiError } from '../api/client';
import type { Item } from '../api/types';
import { fill, localeOf, texts } from '../i18n/i18n';
import type { TextKey } from '../i18n/zh';
import { layersOf, type Layer } from '../layers/catalogue';
import { inOrder } from '../layers/presentation';
import { signOf, type Sign } from '../live/kinds';
import { Live } from '../live/live.svelte';
import { keyOf, pointOf, type LiveItem } from '../live/item';
import type { CityMap } from '../map/city-map';
import type { Hit } from '../map/pick';
import { parseHash, type Shared, type View } from '../map/view';
import { StyleBook } from '../styling/book.svelte';
import { Search } from '../tools/search.svelte';
import { Track } from '../tools/track.svelte';
import { Tools } from '../tools/tools.svelte';
import { City } from './city.svelte';
import { Settings } from './settings.svelte';

export interface Selection {
  hit: Hit;
  /** What else was under the click. */
  others: Hit[];
  /** Null while it is read. */
  item: Item | null;
  failure: TextKey | string | null;
}

export class App {
  readonly start = parseHash(location.hash);
  readonly settings = new Settings(this.start.hidden, this.start.shared);
  readonly city = new City();
  readonly live = new Live((collection) => this.signOf(collection), (collection) => ['features', 'fences'].includes(this.layer(collection)?.document.kind ?? ''));
  readonly styles = new StyleBook();

  view = $state.raw<View | null>(null);
  cursor = $state.raw<[number, number] | null>(null);
  selection = $state.raw<Selection | null>(null);
  mapFailure = $state<string | null>(null);
  /** Milliseconds since 1970, twice a second. */
  now = $state(Date.now());
  layers: readonly Layer[] = $derived(this.city.document ? inOrder(layersOf(this.city.document), this.settings.order) : []);
  readonly tools = new Tools(this);
  readonly search = new Search(this);
  readonly track = new Track(this);
  /** A place that a search has found. */
  marked = $state.raw<[number, number] | null>(null);

  /** Set by the map pane once the map is there. */
  map = $state.raw<CityMap | null>(null);

  private reading: AbortController | null = null;

  constructor() {
    setInterval(() => (this.now = Date.now()), 500);
    $effect.root(() => {
      this.followLayers();
      this.followStyles();
      this.followSelection();
      this.followLine();
      this.track.follow();
    });
  }

  /** A changed layer, or a line that was lost and started anew, means that the city is to be asked again. */
  private followLayers(): void {
    let seen: unknown[] = [];
    $effect(() => {
      const { layers, snapshots } = this.live.state;
      const now = [layers.size, Math.max(0, ...layers.values()), Math.max(1, snapshots)];
      if (seen.length > 0 && now.some((value, i) => value !== seen[i])) this.city.refresh();
      seen = now;
    });
  }

  /** What someone else has styled is drawn so here as well; a line that was lost may have missed it. */
  private followStyles(): void {
    const changes = $derived(this.live.state.styles + Math.max(1, this.live.state.snapshots));
    let seen: number | null = null;
    $effect(() => {
      if (seen !== null && changes !== seen) void this.styles.load();
      seen = changes;
    });
  }

  /** A socket does not say why it is refused; the city document does, and a 401 leads to the login. */
  private followLine(): void {
    const lost = $derived(this.live.status.line === 'lost');
    $effect(() => {
      if (lost) this.city.refresh();
    });
  }

  /** What is shown of a chosen event follows the event. */
  private followSelection(): void {
    let shown: LiveItem | undefined;
    $effect(() => {
      const live = this.selectedLive;
      const selection = untrack(() => this.selection);
      if (selection && shown && shown !== live && shown.key === keyOf(selection.hit.collection, selection.hit.id)) {
        untrack(() => this.select(selection.hit, selection.others));
      }
      shown = live;
    });
  }

  /** A text of the page in its language. */
  readonly t = (key: TextKey, values?: Record<string, string | number>): string =>
    fill(texts[this.settings.language][key], values);

  get locale(): string {
    return localeOf(this.settings.language);
  }

  readonly number = (value: number, digits = 6): string =>
    value.toLocaleString(this.locale, { maximumFractionDigits: digits });

  /** What a live collection's items are on the map. */
  readonly signOf = (collection: string): Sign => {
    const layer = this.layer(collection);
    return layer ? signOf(layer.document) : 'event';
  };

  /** What a shared view holds besides the camera and the hidden layers. */
  readonly shared: Shared = $derived.by(() => {
    const { presentations, order } = this.settings;
    const { terrain, relief, sunOn, time } = this.tools.scene;
    return {
      ...(Object.keys(presentations).length > 0 ? { layers: { ...presentations } } : {}),
      ...(order.length > 0 ? { order: [...order] } : {}),
      ...(terrain || relief || sunOn ? { scene: { terrain, relief, ...(sunOn ? { sun: new Date(time).toISOString() } : {}) } } : {}),
    };
  });

  /** An instant in the city's time zone and the page's language. */
  readonly timeText = (time: number | string, options: Intl.DateTimeFormatOptions = { dateStyle: 'medium', timeStyle: 'medium' }): string => {
    try {
      return new Intl.DateTimeFormat(this.locale, { hourCycle: 'h23', ...options, timeZone: this.city.document?.time_zone ?? 'UTC' }).format(new Date(time));
    } catch {
      return String(time);
    }
  };

  layer(id: string): Layer | undefined {
    return this.layers.find((layer) => layer.id === id);
  }

  /** Of layers that are live, the number open; else the number of items. */
  countOf(layer: Layer): number {
    return layer.role.kind === 'live' ? this.live.count(layer.id) : layer.document.count;
  }

  choose(hits: Hit[]): void {
    const [hit, ...others] = hits;
    if (hit) this.select(hit, others);
    else this.deselect();
  }

  select(hit: Hit, others: Hit[]): void {
    this.reading?.abort();
    const reading = new AbortController();
    this.reading = reading;
    const before = this.selection?.hit;
    const same = before?.collection === hit.collection && before.id === hit.id;
    this.selection = { hit, others, item: same ? (this.selection?.item ?? null) : null, failure: null };
    fetchItem(hit.collection, hit.id, reading.signal).then(
      (item) => {
        if (!reading.signal.aborted) this.selection = { hit, others, item, failure: null };
      },
      (cause: unknown) => {
        if (reading.signal.aborted) return;
        const failure = cause instanceof ApiError && cause.status === 404
          ? this.t('item.gone')
          : this.t('item.failed', { reason: cause instanceof Error ? cause.message : String(cause) });
        this.selection = { hit, others, item: null, failure };
      },
    );
  }

  deselect(): void {
    this.reading?.abort();
    this.selection = null;
  }

  /** From the list: to the event on the map, with its attributes. */
  showLiveItem(item: LiveItem): void {
    this.select({ collection: item.collection, id: item.id, name: item.title }, []);
    if (item.point) this.map?.flyToPoint(item.point);
  }

  flyToSelection(): void {
    const { item } = this.selection ?? {};
    if (item && pointOf(item.geometry)) this.map?.flyTo(item);
  }

  /** The live state of the selected item, if it is an open live item. */
  get selectedLive(): LiveItem | undefined {
    const hit = this.selection?.hit;
    return hit && this.live.items.get(keyOf(hit.collection, hit.id));
  }
}
