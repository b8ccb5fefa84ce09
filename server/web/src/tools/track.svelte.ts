// Where the chosen moving object has been: its track as the server keeps it, and on from there live.
import type { Feature, Position } from 'geojson';
import { fetchTrack } from '../api/client';
import type { App } from '../app/app.svelte';
import { keyOf } from '../live/item';
import { mark } from './features';

/** How far back a track goes, in hours. */
const HOURS = 6;
/** Most places that are drawn; the oldest go first. */
const PLACES_MAX = 20_000;

export class Track {
  private places = $state.raw<readonly Position[]>([]);
  private start = $state.raw<number | null>(null);

  constructor(private readonly app: App) {}

  /** What is drawn: the line, and where and when it began. */
  readonly features: Feature[] = $derived.by(() => {
    const [first] = this.places;
    if (!first || this.places.length < 2) return [];
    const label = this.start === null ? {} : { label: this.app.timeText(this.start, { timeStyle: 'short' }) };
    return [mark('track', { type: 'LineString', coordinates: [...this.places] }), mark('vertex', { type: 'Point', coordinates: first }, label)];
  });

  /** To be called where effects live. */
  follow(): void {
    const key = $derived.by(() => {
      const { selection } = this.app;
      if (!selection || this.app.signOf(selection.hit.collection) !== 'moving') return null;
      return keyOf(selection.hit.collection, selection.hit.id);
    });
    $effect(() => {
      this.places = [];
      if (key === null) return;
      const [collection, id] = [key.slice(0, key.indexOf('/')), key.slice(key.indexOf('/') + 1)];
      const reading = new AbortController();
      const since = Date.now() - HOURS * 3_600_000;
      fetchTrack(collection, id, `${new Date(since).toISOString()}/..`, reading.signal).then(
        ({ temporalGeometry: { coordinates, datetimes } }) => {
          this.places = coordinates;
          this.start = datetimes[0] ? Date.parse(datetimes[0]) : null;
        },
        // Without its past a thing still is where it is.
        (cause: unknown) => {
          if (!reading.signal.aborted) console.warn(String(cause));
        },
      );
      return () => reading.abort();
    });
    $effect(() => {
      const point = this.app.selectedLive?.point;
      const last = this.places[this.places.length - 1];
      if (key !== null && point && last && (last[0] !== point[0] || last[1] !== point[1])) this.places = [...this.places.slice(1 - PLACES_MAX), point];
    });
  }
}
