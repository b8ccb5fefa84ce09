// Reads JSON from the server. A 401 leads to the login page; every other failure is an ApiError.
import { changesAddress, cityAddress, collectionAddress, definitionAddress, itemAddress, itemsAddress, loginAddress, styleAddress, stylesAddress, versionsAddress } from './address';
import type { CityDocument, CollectionLinks, Item, ItemsPage, LayerChanges, LayerVersion, MovingFeature, StyleDocument, StyleEntry } from './types';

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

/** Sends a request and gives the answer if it is a good one. */
export async function send(address: string, request: RequestInit = {}, signal?: AbortSignal): Promise<Response> {
  const timeout = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
  let response: Response;
  try {
    response = await fetch(address, { ...request, signal: signal ? anyOf([signal, timeout]) : timeout });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new ApiError(0, cause instanceof Error ? cause.message : String(cause));
  }
  if (response.status === 401) toLogin();
  if (!response.ok) throw new ApiError(response.status, await problemOf(response));
  return response;
}

export async function getJson<T>(address: string, accept: string, signal?: AbortSignal): Promise<T> {
  const response = await send(address, { headers: { accept } }, signal);
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

const GEOJSON = 'application/geo+json, application/json';
const STYLE = 'application/vnd.mapbox.style+json';

/** One page of a collection's items. */
export const fetchItems = (collection: string, parameters: Record<string, string>, signal?: AbortSignal): Promise<ItemsPage> =>
  getJson(itemsAddress(collection, parameters), GEOJSON, signal);

/** The items that match, page after page, at most `max`; `matched` counts those beyond as well. */
export async function fetchAllItems(
  collection: string, parameters: Record<string, string>, max: number, signal?: AbortSignal,
): Promise<{ items: Item[]; matched: number }> {
  const items: Item[] = [];
  let matched = 0;
  let address: string | undefined = itemsAddress(collection, { ...parameters, limit: String(Math.min(max, 10_000)) });
  while (address !== undefined && items.length < max) {
    const page: ItemsPage = await getJson(address, GEOJSON, signal);
    items.push(...page.features);
    matched = page.numberMatched ?? items.length;
    const next = page.links?.find(({ rel }) => rel === 'next')?.href;
    address = next && new URL(next).pathname + new URL(next).search;
  }
  return { items: items.slice(0, max), matched: Math.max(matched, items.length) };
}

/** An item with the tag that guards a change of it; the tag is empty where the server gives none. */
export async function fetchTagged(collection: string, item: string): Promise<{ item: Item; etag: string }> {
  const response = await send(itemAddress(collection, item), { headers: { accept: GEOJSON } });
  return { item: (await response.json()) as Item, etag: response.headers.get('etag') ?? '' };
}

let paths: Promise<string[]> | undefined;

/** Whether the server's own definition has a path that ends so; it is asked once. */
const hasPath = async (end: string): Promise<boolean> => {
  paths ??= getJson<{ paths: Record<string, unknown> }>(definitionAddress(), 'application/json').then((api) => Object.keys(api.paths), () => []);
  return (await paths).some((path) => path.endsWith(end));
};

/** The states that a live item was in, the first one first; none from a server that tells no history. */
export async function fetchHistory(collection: string, item: string, signal?: AbortSignal): Promise<ItemsPage> {
  if (!(await hasPath('/items/{itemId}/history'))) return { features: [] };
  return getJson(`${itemAddress(collection, item)}/history`, GEOJSON, signal);
}

/** Where a moving object was during an interval (OGC Moving Features JSON). */
export const fetchTrack = (collection: string, item: string, interval: string, signal?: AbortSignal): Promise<MovingFeature> =>
  getJson(`${itemAddress(collection, item)}/track?${new URLSearchParams({ datetime: interval })}`, GEOJSON, signal);

export const fetchCollection = (collection: string, signal?: AbortSignal): Promise<CollectionLinks> =>
  getJson(`${collectionAddress(collection)}?f=json`, 'application/json', signal);

export const fetchVersions = async (collection: string): Promise<LayerVersion[]> =>
  (await getJson<{ versions: LayerVersion[] }>(versionsAddress(collection), 'application/json')).versions;

export const fetchChanges = (collection: string, since: number, asOf: number, limit: number): Promise<LayerChanges> =>
  getJson(changesAddress(collection, since, asOf, limit), GEOJSON);

export const fetchStyles = async (signal?: AbortSignal): Promise<StyleEntry[]> =>
  (await getJson<{ styles: StyleEntry[] }>(stylesAddress(), 'application/json', signal)).styles;

export const fetchStyle = (collection: string, style: string, signal?: AbortSignal): Promise<StyleDocument> =>
  getJson(styleAddress(collection, style), STYLE, signal);

export const putStyle = (collection: string, style: string, document: StyleDocument): Promise<Response> =>
  send(styleAddress(collection, style), { method: 'PUT', headers: { 'content-type': STYLE }, body: JSON.stringify(document) });

export const deleteStyle = (collection: string, style: string): Promise<Response> =>
  send(styleAddress(collection, style), { method: 'DELETE' });
