// What a person draws, as GeoJSON, with its faults and its measures.
import { area } from '@turf/area';
import { kinks } from '@turf/kinks';
import { length } from '@turf/length';
import type { Feature, Geometry, LineString, Polygon, Position } from 'geojson';

export type SketchKind = 'point' | 'line' | 'polygon' | 'rectangle';

const feature = <G extends Geometry>(geometry: G): Feature<G> => ({ type: 'Feature', properties: {}, geometry });

/** How many clicks finish a shape by themselves; null if a person says when. */
export const clicksOf = (kind: SketchKind): number | null => (kind === 'point' ? 1 : kind === 'rectangle' ? 2 : null);

/** The least vertices that make a shape. */
export const leastOf = (kind: SketchKind): number => ({ point: 1, line: 2, polygon: 3, rectangle: 2 })[kind];

/** The geometry of some clicks; null while there are too few. */
export function geometryOf(kind: SketchKind, clicks: readonly Position[]): Geometry | null {
  if (clicks.length < leastOf(kind)) return null;
  switch (kind) {
    case 'point':
      return { type: 'Point', coordinates: clicks[0]! };
    case 'line':
      return { type: 'LineString', coordinates: [...clicks] };
    case 'polygon':
      return { type: 'Polygon', coordinates: [counterClockwise([...clicks, clicks[0]!])] };
    case 'rectangle': {
      const [[x1 = 0, y1 = 0], [x2 = 0, y2 = 0]] = [clicks[0]!, clicks[1]!];
      const [west, east, south, north] = [Math.min(x1, x2), Math.max(x1, x2), Math.min(y1, y2), Math.max(y1, y2)];
      if (west === east || south === north) return null;
      return { type: 'Polygon', coordinates: [[[west, south], [east, south], [east, north], [west, north], [west, south]]] };
    }
  }
}

/** GeoJSON's winding of an outer ring (RFC 7946, 3.1.6). */
function counterClockwise(ring: Position[]): Position[] {
  let doubled = 0;
  for (let i = 0; i + 1 < ring.length; i += 1) {
    doubled += (ring[i + 1]![0]! - ring[i]![0]!) * (ring[i + 1]![1]! + ring[i]![1]!);
  }
  return doubled > 0 ? ring.reverse() : ring;
}

/** Where a polygon crosses itself; empty for a sound one. O(n²) in its vertices. */
export function crossings(geometry: Geometry): Position[] {
  if (geometry.type !== 'Polygon' && geometry.type !== 'MultiPolygon') return [];
  return kinks(feature(geometry)).features.map(({ geometry: point }) => point.coordinates);
}

/** Metres along a line, on the sphere. */
export const metresOf = (line: LineString): number => length(feature(line), { units: 'meters' });

/** Square metres of a polygon, on the sphere. */
export const squareMetresOf = (polygon: Polygon): number => area(feature(polygon));

/** Metres around a polygon's outer ring. */
export const perimeterOf = (polygon: Polygon): number => metresOf({ type: 'LineString', coordinates: polygon.coordinates[0] ?? [] });

/** `count` places at equal distances along a line, its ends among them. */
export function along(line: Position[], count: number): Position[] {
  const steps = line.slice(1).map((to, i) => metresOf({ type: 'LineString', coordinates: [line[i]!, to] }));
  const total = steps.reduce((sum, step) => sum + step, 0);
  const places: Position[] = [];
  let segment = 0;
  let before = 0;
  for (let i = 0; i < count; i += 1) {
    const wanted = (total * i) / Math.max(1, count - 1);
    while (segment < steps.length - 1 && before + steps[segment]! < wanted) before += steps[segment++]!;
    const share = steps[segment] ? Math.min(1, (wanted - before) / steps[segment]!) : 0;
    const [from, to] = [line[segment]!, line[segment + 1] ?? line[segment]!];
    places.push([from[0]! + (to[0]! - from[0]!) * share, from[1]! + (to[1]! - from[1]!) * share]);
  }
  return places;
}
