// A live item as list, map and counts need it.
import type { Geometry, Position } from 'geojson';
import type { Item } from '../api/types';

/** 1 is the most severe; 0 has no level. */
export type Level = 0 | 1 | 2 | 3 | 4;

export const LEVELS: readonly Level[] = [1, 2, 3, 4, 0];

export interface LiveItem {
  /** Unique over all live collections. */
  key: string;
  collection: string;
  id: string;
  title: string;
  level: Level;
  status: string;
  /** `scheme:code`, or empty. */
  class: string;
  source: string;
  /** When it happened, milliseconds since 1970; null if the item does not say. */
  time: number | null;
  /** Longitude, latitude; null for an item without a place. */
  point: [number, number] | null;
  /** Degrees clockwise from north, of what moves. */
  heading: number;
}

export const keyOf = (collection: string, id: string): string => `${collection}/${id}`;

const textOf = (value: unknown): string =>
  typeof value === 'string' ? value : value == null ? '' : String(value);

function levelOf(value: unknown): Level {
  const level = Number(value);
  return level === 1 || level === 2 || level === 3 || level === 4 ? level : 0;
}

function timeOf(value: unknown): number | null {
  const time = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(time) ? null : time;
}

/** Where a marker goes: the point itself, or the middle of the geometry's bounds. */
export function pointOf(geometry: Geometry | null): [number, number] | null {
  const bounds = geometry && boundsOf(geometry);
  return bounds && [(bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2];
}

/** West, south, east, north; null for a geometry without a position. */
export function boundsOf(geometry: Geometry): [number, number, number, number] | null {
  const bounds: [number, number, number, number] = [Infinity, Infinity, -Infinity, -Infinity];
  visit(geometry, ([x, y]) => {
    if (x === undefined || y === undefined) return;
    bounds[0] = Math.min(bounds[0], x);
    bounds[1] = Math.min(bounds[1], y);
    bounds[2] = Math.max(bounds[2], x);
    bounds[3] = Math.max(bounds[3], y);
  });
  return bounds[0] <= bounds[2] ? bounds : null;
}

function visit(geometry: Geometry, each: (position: Position) => void): void {
  if (geometry.type === 'GeometryCollection') {
    for (const part of geometry.geometries) visit(part, each);
    return;
  }
  const walk = (coordinates: unknown): void => {
    if (!Array.isArray(coordinates)) return;
    if (typeof coordinates[0] === 'number') each(coordinates as Position);
    else for (const part of coordinates) walk(part);
  };
  walk(geometry.coordinates);
}

export function liveItemOf(collection: string, item: Item): LiveItem {
  const id = String(item.id);
  const { title, name, level, status, class: code, source, time, heading } = item.properties;
  return {
    key: keyOf(collection, id),
    collection,
    id,
    title: textOf(title ?? name),
    level: levelOf(level),
    status: textOf(status) || 'open',
    class: textOf(code),
    source: textOf(source),
    time: timeOf(time),
    point: pointOf(item.geometry),
    heading: typeof heading === 'number' ? heading : 0,
  };
}
