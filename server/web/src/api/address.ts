// Where the server's resources are, relative to the page: the page is at `{root}map/`,
// whatever prefix a proxy puts before it.

/** The path before `map`, ending with a slash. In development the page itself is at the root. */
export function rootOf(pathname: string): string {
  const match = /^(.*\/)map(?:\/.*)?$/.exec(pathname);
  return match?.[1] ?? '/';
}

const root = (): string => rootOf(location.pathname);

export const cityAddress = (): string => `${root()}city`;

export const loginAddress = (): string => `${root()}login`;

export const collectionAddress = (collection: string): string =>
  `${root()}collections/${encodeURIComponent(collection)}`;

export const itemAddress = (collection: string, item: string): string =>
  `${collectionAddress(collection)}/items/${encodeURIComponent(item)}`;

/** The template of a collection's tiles at a revision; a new revision is a new address. */
export const tilesAddress = (collection: string, revision: number): string =>
  `${location.origin}${collectionAddress(collection)}/tiles/WebMercatorQuad/{z}/{y}/{x}?v=${revision}`;

export function liveAddress(): string {
  const url = new URL(`${root()}live`, location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url.href;
}
