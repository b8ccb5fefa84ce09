// What tools put on the map.
import type { Feature, Geometry, Position } from 'geojson';
import { crossings, geometryOf, type SketchKind } from '../geo/shape';
import type { SketchRole } from '../map/style/sketch';

export const mark = (role: SketchRole, geometry: Geometry, properties: Record<string, unknown> = {}): Feature => ({
  type: 'Feature', geometry, properties: { role, ...properties },
});

/** A shape with its outline apart: of one that crosses itself the map would draw neither. */
export function outlined(role: SketchRole, geometry: Geometry): Feature[] {
  if (geometry.type !== 'Polygon' || crossings(geometry).length === 0) return [mark(role, geometry)];
  return [mark(role, { type: 'MultiLineString', coordinates: geometry.coordinates })];
}

/** A shape in the making: what it is so far, its corners, and where it crosses itself. */
export function inTheMaking(kind: SketchKind, corners: Position[], role: SketchRole = 'shape'): Feature[] {
  const geometry = geometryOf(kind, corners) ?? (corners.length === 2 ? { type: 'LineString' as const, coordinates: corners } : null);
  return [
    ...(geometry && geometry.type !== 'Point' ? outlined(role, geometry) : []),
    ...corners.map((corner) => mark('vertex', { type: 'Point', coordinates: corner })),
    ...(geometry ? crossings(geometry).map((place) => mark('fault', { type: 'Point', coordinates: place })) : []),
  ];
}

/** What Escape does while a tool draws: it takes back a shape in the making, or else leaves the tool. */
export function cancelSketch(tool: { corners: Position[]; start(): void }, app: { tools: { open(id: null): void } }): void {
  if (tool.corners.length === 0) {
    app.tools.open(null);
    return;
  }
  tool.corners = [];
  tool.start();
}

/** A circle around a place, as a ring of 64 corners on the sphere. */
export function circleOf([x, y]: [number, number], metres: number): Geometry {
  const degrees = metres / 111_195.08;
  const ring = Array.from({ length: 65 }, (_, i): Position => {
    const angle = (i / 64) * 2 * Math.PI;
    return [x + (degrees * Math.cos(angle)) / Math.cos((y * Math.PI) / 180), y + degrees * Math.sin(angle)];
  });
  return { type: 'Polygon', coordinates: [ring] };
}

/** What the surroundings of a geometry look like: for a place a circle, else the outline, thickened. */
export function bufferOf(geometry: Geometry, metres: number): Feature[] {
  if (geometry.type === 'Point') return [mark('shape', circleOf(geometry.coordinates as [number, number], metres))];
  const position = firstOf(geometry);
  return [mark('shape', geometry), mark('buffer', geometry, { metres, cosine: Math.cos(((position?.[1] ?? 0) * Math.PI) / 180) })];
}

function firstOf(geometry: Geometry): Position | null {
  if (geometry.type === 'GeometryCollection') return geometry.geometries[0] ? firstOf(geometry.geometries[0]) : null;
  let part: unknown = geometry.coordinates;
  while (Array.isArray(part) && Array.isArray(part[0])) part = part[0];
  return Array.isArray(part) ? (part as Position) : null;
}
