// Reads JSON from the server. A 401 leads to the login page; every other failure is an ApiError.
import { cityAddress, itemAddress, loginAddress } from './address';
import type { CityDocument, Item } from './types';

/** Milliseconds after which a request is given up. */
const REQUEST_TIMEOUT_MS = 20_000;

export class ApiError extends Error {
  /** The HTTP status; 0 if the server gave no answer. */
  readonly status: number;

  constructor(status: number, detail: string) {
    super(detail);
    this.status = status;
  }
}

/** Goes to the login page, and back here afterwards. */
export function toLogin(): void {
  location.assign(`${loginAddress()}?next=${encodeURIComponent(location.pathname + location.hash)}`);
}

async function getJson<T>(address: string, accept: string, signal?: AbortSignal): Promise<T> {
  const timeout = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
  let response: Response;
  try {
    response = await fetch(address, {
      headers: { accept },
      signal: signal ? anyOf([signal, timeout]) : timeout,
    });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new ApiError(0, cause instanceof Error ? cause.message : String(cause));
  }
  if (response.status === 401) toLogin();
  if (!response.ok) throw new ApiError(response.status, await problemOf(response));
  return (await response.json()) as T;
}

/** `AbortSignal.any`, which the browsers of 2022 lack. */
function anyOf(signals: AbortSignal[]): AbortSignal {
  const controller = new AbortController();
  for (const signal of signals) {
    if (signal.aborted) controller.abort(signal.reason);
    else signal.addEventListener('abort', () => controller.abort(signal.reason), { once: true });
  }
  return controller.signal;
}

/** What an `application/problem+json` body says, or the bare status. */
async function problemOf(response: Response): Promise<string> {
  const bare = `${response.status} ${response.statusText}`.trim();
  try {
    const problem = (await response.json()) as { detail?: string; title?: string };
    return problem.detail ?? problem.title ?? bare;
  } catch {
    return bare;
  }
}

export const fetchCity = (signal?: AbortSignal): Promise<CityDocument> =>
  getJson(cityAddress(), 'application/json', signal);

export const fetchItem = (collection: string, item: string, signal?: AbortSignal): Promise<Item> =>
  getJson(itemAddress(collection, item), 'application/geo+json, application/json', signal);
