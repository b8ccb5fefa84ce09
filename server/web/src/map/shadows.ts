// The shadows that houses cast on level ground when the sun stands at a given place.
import type { Feature, FeatureCollection, MultiPolygon, Position } from 'geojson';
import type { Sun } from './style/scene';

export interface House {
  id: string | number | undefined;
  /** The closed outer ring. */
  ring: Position[];
  /** Metres. */
  height: number;
}

/** More houses than this are not asked what they shade: those that stand farthest away, where nobody sees it. */
const HOUSES_MAX = 6_000;
/** A shadow longer than this many times the height says nothing but that the sun is low. */
const LENGTH_MAX = 12;
const METRES_PER_DEGREE = 111_195;

/** The houses that stand nearest to a place, at most HOUSES_MAX. O(n log n). */
export function nearest(houses: readonly House[], [lng = 0, lat = 0]: Position): readonly House[] {
  if (houses.length <= HOUSES_MAX) return houses;
  const narrow = Math.cos((lat * Math.PI) / 180);
  const distance = ({ ring }: House): number => Math.hypot(((ring[0]?.[0] ?? 0) - lng) * narrow, (ring[0]?.[1] ?? 0) - lat);
  return houses.map((house) => ({ house, at: distance(house) })).sort((a, b) => a.at - b.at).slice(0, HOUSES_MAX).map(({ house }) => house);
}

/**
 * One feature per house: its ring where the shadow of the roof falls, and the strip between each
 * wall and that. The parts overlap. Length is height / tan(altitude). Linear in the vertices.
 */
export function shadowsOf(houses: readonly House[], { azimuth, altitude }: Sun): FeatureCollection<MultiPolygon> {
  const reach = Math.min(LENGTH_MAX, 1 / Math.tan((altitude * Math.PI) / 180));
  const away = ((azimuth + 180) * Math.PI) / 180;
  const features = houses.filter(({ ring, height }) => ring.length > 3 && height > 0).map(({ ring, height }): Feature<MultiPolygon> => {
    const length = height * reach;
    const dy = (length * Math.cos(away)) / METRES_PER_DEGREE;
    const dx = (length * Math.sin(away)) / (METRES_PER_DEGREE * Math.cos(((ring[0]![1] ?? 0) * Math.PI) / 180));
    const cast = ring.map(([x = 0, y = 0]): Position => [x + dx, y + dy]);
    const strips = ring.slice(1).map((to, i) => [[ring[i]!, to, cast[i + 1]!, cast[i]!, ring[i]!]]);
    return { type: 'Feature', properties: {}, geometry: { type: 'MultiPolygon', coordinates: [[cast], ...strips] } };
  });
  return { type: 'FeatureCollection', features };
}
