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

export const collectionsAddress = (): string => `${root()}collections`;

export const itemAddress = (collection: string, item: string): string =>
  `${collectionAddress(collection)}/items/${encodeURIComponent(item)}`;

/** The items of a collection that match some parameters. */
export const itemsAddress = (collection: string, parameters: Record<string, string>): string =>
  `${collectionAddress(collection)}/items?${new URLSearchParams(parameters)}`;

/** The versions of a layer. */
export const versionsAddress = (collection: string): string => `${collectionAddress(collection)}/versions`;

/** What differs between two versions of a layer. */
export const changesAddress = (collection: string, since: number, asOf: number, limit: number): string =>
  `${collectionAddress(collection)}/changes?since=${since}&as-of=${asOf}&limit=${limit}`;

/** How far an export is that was given a name. */
export const exportAddress = (id: string): string => `${root()}exports/${id}`;

export const definitionAddress = (): string => `${root()}api?f=json`;

export const stylesAddress = (): string => `${root()}styles`;

export const styleAddress = (collection: string, style: string): string =>
  `${collectionAddress(collection)}/styles/${encodeURIComponent(style)}`;

/**
 * The template of a collection's tiles at a revision; a new revision is a new address. With a CQL2
 * filter only the items that match are in them; `asOf` asks for the version that was current then.
 */
export const tilesAddress = (collection: string, revision: number, filter = '', asOf: number | null = null): string =>
  `${location.origin}${collectionAddress(collection)}/tiles/WebMercatorQuad/{z}/{y}/{x}?v=${revision}` +
  (filter === '' ? '' : `&filter=${encodeURIComponent(filter)}`) +
  (asOf === null ? '' : `&as-of=${asOf}`);

/** The TileJSON of imagery at a revision. */
export const pictureTilesAddress = (collection: string, revision: number): string =>
  `${location.origin}${collectionAddress(collection)}/map/tiles/WebMercatorQuad?f=tilejson&v=${revision}`;

/** A layer as 3D Tiles at a revision. */
export const tilesetAddress = (collection: string, revision: number): string =>
  `${location.origin}${collectionAddress(collection)}/3dtiles/tileset.json?v=${revision}`;

/** The template of an elevation collection's hillshade. */
export const hillshadeAddress = (collection: string, revision: number): string =>
  `${location.origin}${collectionAddress(collection)}/map/tiles/WebMercatorQuad/{z}/{y}/{x}?v=${revision}`;

export function liveAddress(): string {
  const url = new URL(`${root()}live`, location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url.href;
}
