// Notes: set by a click, written, kept in the browser.
import type { Feature } from 'geojson';
import type { App } from '../app/app.svelte';
import { remember, rememberedJson } from '../app/settings.svelte';
import { mark } from './features';
import { NOTES_MAX, type Note } from './notes';

const NOTES_KEY = 'citywall.notes';

export class NotesTool {
  notes = $state.raw<readonly Note[]>([]);
  private stop: (() => void) | null = null;

  constructor(private readonly app: App) {
    this.notes = app.start.shared.notes ?? rememberedJson<Note[]>(NOTES_KEY, []);
  }

  readonly features: Feature[] = $derived(this.notes.map(({ point, text }) => mark('note', { type: 'Point', coordinates: point }, { label: text || '…' })));

  start(): void {
    this.stop?.();
    this.stop = this.app.map?.draw('point', {
      change: () => {},
      done: ([point]) => {
        if (point && this.notes.length < NOTES_MAX) this.set([...this.notes, { point: [point[0]!, point[1]!], text: '' }]);
      },
      cancel: () => this.app.tools.open(null),
    }) ?? null;
  }

  leave(): void {
    this.stop?.();
    this.stop = null;
    // A note without a word is none.
    this.set(this.notes.filter(({ text }) => text.trim() !== ''));
  }

  write(at: number, text: string): void {
    this.set(this.notes.map((note, i) => (i === at ? { ...note, text } : note)));
  }

  remove(at: number): void {
    this.set(this.notes.filter((_, i) => i !== at));
  }

  private set(notes: readonly Note[]): void {
    this.notes = notes;
    remember(NOTES_KEY, JSON.stringify(notes));
  }
}
