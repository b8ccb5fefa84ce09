// The documents and messages of the server, as `spatial/wire` defines them.
// Coordinates are longitude, latitude in degrees; instants are RFC 3339 in UTC.
import type { Geometry } from 'geojson';
import type { LayerSpecification } from 'maplibre-gl';

/** West, south, east, north in degrees. */
export type Bounds = [number, number, number, number];

export interface LocalText {
  zh: string;
  en: string;
}

export interface HomeView {
  longitude: number;
  latitude: number;
  /** Web-map zoom, 512-pixel world at zoom 0. */
  zoom: number;
}

export interface AreaLevel {
  collection: string;
  title: LocalText;
  name_field: string;
  code_field: string;
}

export type FieldType = 'boolean' | 'integer' | 'number' | 'text' | 'json';

export interface CollectionDocument {
  id: string;
  title: LocalText;
  /** `layer`, `elevation`, `imagery`, or a live kind such as `incidents`, `moving_objects`, `things`. */
  kind: string;
  category: string;
  generated: boolean;
  source: string;
  /** GeoPackage geometry type, such as `POLYGON`. */
  geometry_type: string;
  extent: Bounds | null;
  count: number;
  /** Of a live collection: how many are not cleared. Null for all others. */
  open: number | null;
  /** Open items by level 1–4; index 0 has those without a level. */
  open_by_level: [number, number, number, number, number] | null;
  revision: number;
  fields: [string, FieldType][];
}

/** A version of a layer, as `/collections/{id}/versions` lists it. */
export interface LayerVersion {
  version: number;
  /** The revision at which it became current. */
  revision: number;
  /** The revision at which it was replaced; null for the current one. */
  until: number | null;
  published: string;
  source: string;
  count: number;
}

/** What differs between two versions of a layer. */
export interface LayerChanges {
  /** What tells that items are the same one: their ids, or all that is known of them. */
  sameBy: 'id' | 'content';
  removed: number;
  changed: number;
  added: number;
  numberMatched: number;
  features: (Item & { change: 'removed' | 'changed' | 'added' })[];
}

export interface CityDocument {
  name: LocalText;
  time_zone: string;
  extent: Bounds | null;
  home: HomeView | null;
  notice: LocalText | null;
  area_levels: AreaLevel[];
  revision: number;
  version: string;
  collections: CollectionDocument[];
}

export type Properties = Record<string, unknown>;

/** An item as the server gives it. */
export interface Item {
  type: 'Feature';
  id: string | number;
  geometry: Geometry | null;
  properties: Properties;
  links?: Link[];
}

export interface Link {
  rel: string;
  href: string;
  type?: string;
  title?: string;
}

export interface ItemsPage {
  features: Item[];
  numberMatched?: number;
  revision?: number;
  links?: Link[];
}

/** The track of a moving object, as far as the page draws it. */
export interface MovingFeature {
  temporalGeometry: { coordinates: [number, number][]; datetimes: string[] };
}

export interface CollectionLinks {
  id: string;
  links: Link[];
}

/** A style as `/styles` lists it. */
export interface StyleEntry {
  id: string;
  title: string;
  collections: string[];
}

/** A MapLibre style of one collection, as the city keeps it. */
export interface StyleDocument {
  version: 8;
  name?: string;
  sources: Record<string, { type: 'vector' }>;
  layers: LayerSpecification[];
  metadata?: Record<string, unknown>;
}

export interface Change {
  collection: string;
  revision: number;
  feature: Item;
}

/** An item that is no longer seen: it was removed, or no longer matches the subscription. */
export interface Gone {
  collection: string;
  revision: number;
  id: string;
}

export type LiveMessage =
  | { type: 'snapshot'; revision: number; collection: string; features: Item[]; last: boolean }
  | { type: 'delta'; after: number; revision: number; changes: Change[]; gone?: Gone[] }
  | { type: 'layer_changed'; after: number; revision: number; collection: string }
  | { type: 'styles_changed'; style: string }
  | { type: 'resync'; reason: string }
  | { type: 'heartbeat'; revision: number; time: string }
  | { type: 'error'; reason: string };

export type LiveRequest =
  | { type: 'ping' }
  | { type: 'subscribe'; collections: string[]; after?: number };
