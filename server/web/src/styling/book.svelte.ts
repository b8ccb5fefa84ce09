// The styles that the city keeps, and one that is being tried before it is kept.
import { ApiError, deleteStyle, fetchStyle, fetchStyles, putStyle } from '../api/client';
import type { StyleDocument, StyleEntry } from '../api/types';
import type { Layer } from '../layers/catalogue';

export class StyleBook {
  entries = $state.raw<StyleEntry[]>([]);
  /** A style on trial: only this page draws it. */
  trial = $state.raw<{ collection: string; document: StyleDocument } | null>(null);
  private documents = $state.raw<ReadonlyMap<string, StyleDocument>>(new Map());

  constructor() {
    void this.load();
  }

  /** Reads them anew. A server without styles has none. */
  async load(): Promise<void> {
    try {
      const entries = await fetchStyles();
      const documents = await Promise.all(entries.flatMap(({ id, collections }) =>
        collections.length === 1 ? [fetchStyle(collections[0]!, id).then((document) => [id, document] as const)] : []));
      this.documents = new Map(documents);
      this.entries = entries;
    } catch (cause) {
      if (!(cause instanceof ApiError)) throw cause;
    }
  }

  of(collection: string): StyleEntry[] {
    return this.entries.filter(({ collections }) => collections.length === 1 && collections[0] === collection);
  }

  /** What a layer is drawn by: the style on trial, the chosen one, or the one that bears its id. */
  styleOf(layer: Layer, chosen: string | null): StyleDocument | null {
    if (this.trial?.collection === layer.id) return this.trial.document;
    if (chosen === 'none') return null;
    return this.documents.get(chosen ?? layer.id) ?? (chosen === null ? null : this.documents.get(layer.id) ?? null);
  }

  async save(collection: string, id: string, document: StyleDocument): Promise<void> {
    await putStyle(collection, id, document);
    await this.load();
  }

  async remove(collection: string, id: string): Promise<void> {
    await deleteStyle(collection, id);
    await this.load();
  }
}
