// Names of areas. A tile holds only its piece of an area, and each piece would get a name of its own;
// so the pieces in sight are put together here and each area is named once, in the middle of what is
// seen of it.
import type { Feature, FeatureCollection, Point, Polygon, Position } from 'geojson';

export interface AreaPiece {
  /** The tile's feature id. */
  id: string | number | undefined;
  name: string;
  polygons: Position[][][];
}

/** One point per area with its name and its size in square degrees. Linear in the vertices. */
export function namePoints(pieces: Iterable<AreaPiece>): FeatureCollection<Point> {
  const areas = new Map<string | number, { name: string; x: number; y: number; size: number; largest: Position[]; largestSize: number }>();
  for (const piece of pieces) {
    if (piece.name === '') continue;
    const key = piece.id ?? piece.name;
    for (const polygon of piece.polygons) {
      const ring = polygon[0];
      if (!ring) continue;
      const { x, y, size } = centroidOf(ring);
      if (size === 0) continue;
      const area = areas.get(key) ?? { name: piece.name, x: 0, y: 0, size: 0, largest: ring, largestSize: 0 };
      area.x += x * size;
      area.y += y * size;
      area.size += size;
      if (size > area.largestSize) {
        area.largest = ring;
        area.largestSize = size;
      }
      areas.set(key, area);
    }
  }
  const features: Feature<Point>[] = [...areas].map(([id, area]) => ({
    type: 'Feature',
    id: typeof id === 'number' ? id : undefined,
    properties: { name: area.name, size: area.size },
    geometry: { type: 'Point', coordinates: insideOf(area.largest, [area.x / area.size, area.y / area.size]) },
  }));
  return { type: 'FeatureCollection', features };
}

export const polygonsOf = (geometry: { type: string; coordinates?: unknown }): Polygon['coordinates'][] =>
  geometry.type === 'Polygon' ? [geometry.coordinates as Position[][]]
    : geometry.type === 'MultiPolygon' ? (geometry.coordinates as Position[][][])
      : [];

/** Centroid and area of a ring by the shoelace formula, taken from its first vertex for precision. */
function centroidOf(ring: Position[]): { x: number; y: number; size: number } {
  const [originX = 0, originY = 0] = ring[0] ?? [];
  let doubled = 0;
  let x = 0;
  let y = 0;
  for (let i = 0; i + 1 < ring.length; i += 1) {
    const ax = ring[i]![0]! - originX;
    const ay = ring[i]![1]! - originY;
    const bx = ring[i + 1]![0]! - originX;
    const by = ring[i + 1]![1]! - originY;
    const cross = ax * by - bx * ay;
    doubled += cross;
    x += (ax + bx) * cross;
    y += (ay + by) * cross;
  }
  if (doubled === 0) return { x: originX, y: originY, size: 0 };
  return { x: originX + x / (3 * doubled), y: originY + y / (3 * doubled), size: Math.abs(doubled) / 2 };
}

/** The point if it lies in the ring; else the middle of the ring's widest stretch at that height or at its centre. */
function insideOf(ring: Position[], point: [number, number]): [number, number] {
  if (crossingsAt(ring, point[1]).some(([from, to]) => from <= point[0] && point[0] <= to)) return point;
  const centre = centroidOf(ring);
  for (const y of [point[1], centre.y]) {
    const spans = crossingsAt(ring, y);
    const widest = spans.reduce((best, span) => (span[1] - span[0] > best[1] - best[0] ? span : best), [0, 0] as [number, number]);
    if (widest[1] > widest[0]) return [(widest[0] + widest[1]) / 2, y];
  }
  return [centre.x, centre.y];
}

/** The stretches of a parallel that lie in the ring, from west to east. */
function crossingsAt(ring: Position[], y: number): [number, number][] {
  const xs: number[] = [];
  for (let i = 0; i + 1 < ring.length; i += 1) {
    const [ax, ay] = ring[i] as [number, number];
    const [bx, by] = ring[i + 1] as [number, number];
    if (ay > y !== by > y) xs.push(ax + ((y - ay) * (bx - ax)) / (by - ay));
  }
  xs.sort((a, b) => a - b);
  const spans: [number, number][] = [];
  for (let i = 0; i + 1 < xs.length; i += 2) spans.push([xs[i]!, xs[i + 1]!]);
  return spans;
}
