// Saving items as a file: a link that the browser follows, so that nothing of the collection is in
// the page; the server tells how far it is.
import { exportAddress, itemsAddress } from '../api/address';
import { ApiError, fetchCollection, fetchItems, getJson } from '../api/client';

/** Milliseconds between two questions for the progress. */
const ASK_MS = 500;
/** Questions without an answer after which the export is taken to have failed. */
const UNANSWERED_MAX = 20;

/** A form in which the server gives items. */
export interface Form {
  name: string;
  title: string;
}

const TITLES: Record<string, string> = {
  json: 'GeoJSON', jsonfg: 'JSON-FG', csv: 'CSV', geojsonl: 'GeoJSON lines', fgb: 'FlatGeobuf', parquet: 'GeoParquet', arrow: 'Arrow',
};
/** What a form's files end in, where that is not its name. */
const ENDINGS: Record<string, string> = { json: 'geojson', jsonfg: 'fg.json' };

/** The forms of a collection's items, as its own links name them. */
export async function formsOf(collection: string): Promise<Form[]> {
  const { links } = await fetchCollection(collection);
  const names = links.filter(({ rel }) => rel === 'items').map(({ href }) => new URL(href, location.href).searchParams.get('f') ?? 'json');
  return [...new Set([...names, 'jsonfg'])].filter((name) => name !== 'html')
    .map((name) => ({ name, title: TITLES[name] ?? name }));
}

export interface Progress {
  items: number;
  state: 'running' | 'done' | 'failed';
  reason?: string;
}

export class Download {
  progress = $state.raw<Progress>({ items: 0, state: 'running' });
  private readonly id = Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, '0')).join('');
  private timer: ReturnType<typeof setTimeout> | undefined;
  private unanswered = 0;

  constructor(private readonly collection: string, private readonly filter: string, readonly form: Form) {}

  /** Tries the question on one item, since a browser shows no reason for a failed download; then has it saved. */
  start(): void {
    const { form } = this;
    const asked: Record<string, string> = this.filter === '' ? {} : { filter: this.filter };
    fetchItems(this.collection, { ...asked, limit: '1' }).then(
      () => {
        // A spreadsheet takes a CSV without the mark for the system's own encoding, and garbles Chinese.
        const mark: Record<string, string> = form.name === 'csv' ? { bom: 'true' } : {};
        const link = document.createElement('a');
        link.href = itemsAddress(this.collection, { f: form.name, ...asked, ...mark, 'export-id': this.id });
        link.download = `${this.collection}.${ENDINGS[form.name] ?? form.name}`;
        link.click();
        this.ask();
      },
      (cause: unknown) => this.fail(cause),
    );
  }

  stopAsking(): void {
    clearTimeout(this.timer);
  }

  private ask(): void {
    this.timer = setTimeout(() => {
      getJson<Progress>(exportAddress(this.id), 'application/json').then(
        (progress) => {
          this.unanswered = 0;
          this.progress = progress;
          if (progress.state === 'running') this.ask();
        },
        (cause: unknown) => {
          // The download may not have begun, or the server be away for a moment.
          this.unanswered += 1;
          if (this.unanswered < UNANSWERED_MAX) this.ask();
          else this.fail(cause);
        },
      );
    }, ASK_MS);
  }

  private fail(cause: unknown): void {
    this.progress = { ...this.progress, state: 'failed', reason: cause instanceof ApiError ? cause.message : String(cause) };
  }
}
