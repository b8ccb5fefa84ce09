// A geometry as well-known text, for filters.
import type { Geometry, Position } from 'geojson';

const position = ([x, y]: Position): string => `${round(x ?? 0)} ${round(y ?? 0)}`;
// A centimetre is enough for a filter, and keeps its address short.
const round = (degrees: number): number => Math.round(degrees * 1e7) / 1e7;
const list = (positions: Position[]): string => `(${positions.map(position).join(', ')})`;
const lists = (rings: Position[][]): string => `(${rings.map(list).join(', ')})`;

/** Well-known text of a geometry in two dimensions. Linear in its vertices. */
export function wktOf(geometry: Geometry): string {
  switch (geometry.type) {
    case 'Point':
      return `POINT(${position(geometry.coordinates)})`;
    case 'MultiPoint':
      return `MULTIPOINT(${geometry.coordinates.map((point) => `(${position(point)})`).join(', ')})`;
    case 'LineString':
      return `LINESTRING${list(geometry.coordinates)}`;
    case 'MultiLineString':
      return `MULTILINESTRING${lists(geometry.coordinates)}`;
    case 'Polygon':
      return `POLYGON${lists(geometry.coordinates)}`;
    case 'MultiPolygon':
      return `MULTIPOLYGON(${geometry.coordinates.map(lists).join(', ')})`;
    case 'GeometryCollection':
      return `GEOMETRYCOLLECTION(${geometry.geometries.map(wktOf).join(', ')})`;
  }
}
