// The city document: fetched at the start, again until the server answers, and whenever the live
// line says that something has changed.
import { ApiError, fetchCity } from '../api/client';
import type { CityDocument } from '../api/types';

const RETRY_FIRST_MS = 1_000;
const RETRY_MAX_MS = 15_000;
/** Changes that follow each other closely are fetched once. */
const REFRESH_DELAY_MS = 400;

export class City {
  document = $state.raw<CityDocument | null>(null);
  /** Why the last attempt failed; null after a good one. */
  failure = $state<string | null>(null);
  loading = $state(true);

  private attempts = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private asked = 0;

  constructor() {
    void this.load();
  }

  /** Fetches at once. */
  retry(): void {
    clearTimeout(this.timer);
    void this.load();
  }

  /** Fetches soon. */
  refresh(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.load(), REFRESH_DELAY_MS);
  }

  private async load(): Promise<void> {
    const turn = (this.asked += 1);
    this.loading = true;
    try {
      const document = await fetchCity();
      if (turn !== this.asked) return;
      this.document = document;
      this.failure = null;
      this.attempts = 0;
    } catch (cause) {
      if (turn !== this.asked) return;
      this.failure = cause instanceof ApiError ? cause.message : String(cause);
      const delay = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** this.attempts);
      this.attempts += 1;
      clearTimeout(this.timer);
      this.timer = setTimeout(() => void this.load(), delay);
    } finally {
      if (turn === this.asked) this.loading = false;
    }
  }
}
