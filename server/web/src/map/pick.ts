// What lies under a position of the screen, the most particular first.
import type { Map as MapLibre, MapGeoJSONFeature, PointLike } from 'maplibre-gl';
import type { Layer } from '../layers/catalogue';
import type { Role } from '../layers/roles';
import { LIVE_ICONS, LIVE_OTHERS } from './style/live';

export interface Hit {
  collection: string;
  id: string;
  /** A name if the tile has one. */
  name: string;
}

/** How far beside a point or a line a click may be, in pixels. */
const REACH = 5;
/** Most hits that are offered. */
const HITS_MAX = 8;

/** `solid` is what stands there in three dimensions. */
export function pick(map: MapLibre, point: { x: number; y: number }, layers: readonly Layer[], solid: Hit | null): Hit[] {
  const box: [PointLike, PointLike] = [[point.x - REACH, point.y - REACH], [point.x + REACH, point.y + REACH]];
  const hits = new Map<string, { hit: Hit; order: number }>();
  const byId = new Map(layers.map((layer) => [layer.id, layer]));
  const take = (feature: MapGeoJSONFeature, hit: Hit, order: number): void => {
    const key = `${hit.collection}/${hit.id}`;
    if (!hits.has(key) && feature) hits.set(key, { hit, order });
  };

  if (solid) hits.set(`${solid.collection}/${solid.id}`, { hit: solid, order: 1.9 });
  const live = [LIVE_ICONS, LIVE_OTHERS].filter((id) => map.getLayer(id));
  for (const feature of live.length > 0 ? map.queryRenderedFeatures(box, { layers: live }) : []) {
    const { collection, id, title } = feature.properties as Record<string, string>;
    take(feature, { collection: collection ?? '', id: id ?? '', name: title ?? '' }, 0);
  }
  for (const feature of map.queryRenderedFeatures(box)) {
    const layer = byId.get(feature.source);
    if (!layer) continue;
    // A surface is hit only where it is, not beside it.
    if (!/Point|Line/.test(feature.geometry.type)) continue;
    take(feature, hitOf(layer, feature), orderOf(layer.role, feature.geometry.type));
  }
  for (const feature of map.queryRenderedFeatures([point.x, point.y])) {
    const layer = byId.get(feature.source);
    if (layer && /Polygon/.test(feature.geometry.type)) {
      take(feature, hitOf(layer, feature), layer.document.kind === 'features' ? 1.6 : orderOf(layer.role, feature.geometry.type));
    }
  }
  return [...hits.values()].sort((a, b) => a.order - b.order).slice(0, HITS_MAX).map(({ hit }) => hit);
}

function hitOf(layer: Layer, feature: MapGeoJSONFeature): Hit {
  const properties = feature.properties as Record<string, unknown>;
  const nameField = layer.role.kind === 'area' ? layer.role.nameField : 'name';
  const name = properties[nameField] ?? properties['name'] ?? properties['title'];
  return {
    collection: layer.id,
    // A tile counts its features; where that number is not the item's id, the id comes with it.
    id: String(properties['_id'] ?? feature.id ?? ''),
    name: typeof name === 'string' ? name : '',
  };
}

function orderOf(role: Role, geometry: string): number {
  switch (role.kind) {
    case 'live':
    case 'elevation':
    case 'imagery':
      return 0;
    case 'cameras':
    case 'sensors':
    case 'institutions':
    case 'components':
      return 1;
    case 'buildings':
      return 2;
    case 'roads':
      return 3;
    case 'plain':
      return geometry.includes('Polygon') ? 4 : 1.5;
    case 'water':
    case 'green':
      return 5;
    case 'area':
      return 9 - role.rank;
  }
}
