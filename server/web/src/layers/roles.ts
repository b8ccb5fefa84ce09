// What part a collection plays on the map. Citywall's own cities use the names below; those of a
// foreign city are recognised by geometry type and attributes, and anything else is drawn plainly.
import type { AreaLevel, CollectionDocument } from '../api/types';

export type Shape = 'point' | 'line' | 'polygon' | 'mixed';

export type Role =
  | { kind: 'live' }
  | { kind: 'elevation' }
  | { kind: 'imagery' }
  | { kind: 'area'; rank: 0 | 1 | 2 | 3; nameField: string }
  | { kind: 'buildings'; heightField: string | null; floorsField: string | null; baseField: string | null }
  | { kind: 'roads'; classField: string | null }
  | { kind: 'water' }
  | { kind: 'green' }
  | { kind: 'components' | 'cameras' | 'sensors' | 'institutions' }
  | { kind: 'plain' };

const HEIGHT_FIELDS = ['height', 'height_m', 'building_height', 'measuredHeight', 'b3_h_max', 'render_height'];
const FLOORS_FIELDS = ['floors', 'levels', 'storeys', 'building_levels', 'building:levels', 'num_floors'];
const BASE_FIELDS = ['min_height', 'base_height', 'render_min_height'];
const ROAD_CLASS_FIELDS = ['fclass', 'highway', 'road_class', 'class', 'kind', 'type'];
const AREA_IDS = ['districts', 'streets', 'communities', 'grids'];

export function shapeOf(collection: CollectionDocument): Shape {
  const type = collection.geometry_type.toUpperCase();
  if (type.includes('POINT')) return 'point';
  if (type.includes('LINESTRING') || type.includes('CURVE')) return 'line';
  if (type.includes('POLYGON') || type.includes('SURFACE') || type.includes('SOLID')) return 'polygon';
  return 'mixed';
}

/** What people draw is a layer like any other; it is only changed item by item. */
export const isLive = (collection: CollectionDocument): boolean =>
  collection.kind !== 'features' && (collection.open !== null || collection.kind === 'incidents');

export function roleOf(collection: CollectionDocument, areaLevels: readonly AreaLevel[]): Role {
  if (isLive(collection)) return { kind: 'live' };
  // A grid of heights has no items and no vector tiles; the page does not draw it.
  if (collection.kind === 'elevation') return { kind: 'elevation' };
  if (collection.kind === 'imagery') return { kind: 'imagery' };
  if (collection.kind === 'features') return { kind: 'plain' };
  const fields = collection.fields.map(([name]) => name);
  const first = (names: string[]): string | null => names.find((name) => fields.includes(name)) ?? null;
  const shape = shapeOf(collection);
  const named = (pattern: RegExp): boolean => pattern.test(collection.id) || pattern.test(collection.title.zh);

  if (shape === 'polygon' || shape === 'mixed') {
    const level = areaLevels.findIndex((area) => area.collection === collection.id);
    const rank = level >= 0 ? level : AREA_IDS.indexOf(collection.id);
    if (rank >= 0) {
      const nameField = areaLevels[level]?.name_field ?? 'name';
      return { kind: 'area', rank: Math.min(rank, 3) as 0 | 1 | 2 | 3, nameField };
    }
    const heightField = first(HEIGHT_FIELDS);
    const floorsField = first(FLOORS_FIELDS);
    if (named(/building|建筑|楼/i) || (shape === 'polygon' && (heightField ?? floorsField) !== null)) {
      return { kind: 'buildings', heightField, floorsField, baseField: first(BASE_FIELDS) };
    }
  }
  if (shape !== 'point' && named(/water|river|lake|canal|水系|河|湖/i)) return { kind: 'water' };
  if (shape !== 'line' && shape !== 'point' && named(/green|park|forest|绿地|公园/i)) return { kind: 'green' };
  if (shape === 'line') {
    const classField = first(ROAD_CLASS_FIELDS);
    if (named(/road|highway|street|道路|路网/i) || fields.includes('fclass') || fields.includes('highway')) {
      return { kind: 'roads', classField };
    }
  }
  if (shape === 'point') {
    if (named(/component|部件/i)) return { kind: 'components' };
    if (named(/camera|摄像|视频/i)) return { kind: 'cameras' };
    if (named(/sensor|device|传感|感知/i)) return { kind: 'sensors' };
    if (named(/institution|poi|机构/i)) return { kind: 'institutions' };
  }
  return { kind: 'plain' };
}

/** False for what has cells instead of items: no counts, filters, styles or selections. */
export const hasItems = ({ kind }: Role): boolean => kind !== 'elevation' && kind !== 'imagery';

/** From the ground up: what is drawn first. */
export function drawingOrder(role: Role, shape: Shape): number {
  switch (role.kind) {
    case 'area':
      // Their borders; the land itself is drawn below everything.
      return 3.4 - role.rank / 10;
    case 'elevation':
      return 0;
    case 'imagery':
      // What is drawn of land and water would hide the picture of it.
      return 2.2;
    case 'green':
      return 1;
    case 'water':
      return 2;
    case 'plain':
      return shape === 'polygon' || shape === 'mixed' ? 2.5 : shape === 'line' ? 5 : 7;
    case 'roads':
      return 4;
    case 'buildings':
      return 6;
    case 'components':
      return 7;
    case 'sensors':
      return 8;
    case 'cameras':
      return 8.1;
    case 'institutions':
      return 8.2;
    case 'live':
      return 10;
  }
}

/** Metres of a storey, and of a building of which nothing is known. */
export const STOREY_METRES = 3;
export const UNKNOWN_METRES = 7;

/** How high an item is drawn: as given, or 3 m a floor, or 7 m. Null for what is no building. */
export function drawnHeight(role: Role, properties: Record<string, unknown>): number | null {
  if (role.kind !== 'buildings') return null;
  const positive = (field: string | null): number => {
    const value = field === null ? 0 : Number(properties[field]);
    return value > 0 ? value : 0;
  };
  return positive(role.heightField) || positive(role.floorsField) * STOREY_METRES || UNKNOWN_METRES;
}
