// The city's collections as the layer tree and the map take them: with their roles, in order.
import type { CityDocument, CollectionDocument } from '../api/types';
import { drawingOrder, roleOf, shapeOf, type Role, type Shape } from './roles';

/** The six categories of a CIM layer catalogue, in its order. */
export const CATEGORIES = [
  'spatiotemporal_base',
  'resource_survey',
  'planning_control',
  'construction_projects',
  'public_themes',
  'iot_sensing',
] as const;

export type Category = (typeof CATEGORIES)[number] | 'other';

export interface Layer {
  id: string;
  document: CollectionDocument;
  role: Role;
  shape: Shape;
  /** Below this zoom nothing is asked for: there would be too much to draw or to tell apart. */
  minZoom: number;
}

export interface CategoryGroup {
  category: Category;
  layers: Layer[];
}

/** Every collection from the ground up. */
export function layersOf(city: CityDocument): Layer[] {
  return city.collections
    .map((document) => {
      const role = roleOf(document, city.area_levels);
      const shape = shapeOf(document);
      return { id: document.id, document, role, shape, minZoom: minZoomOf(role, shape, document.count) };
    })
    .sort((a, b) => heightOf(a) - heightOf(b) || (a.id < b.id ? -1 : 1));
}

/** Plans lie over what is built. */
const heightOf = ({ role, shape, document }: Layer): number => (document.kind === 'features' ? 6.5 : drawingOrder(role, shape));

/** Live collections that keep the city running and have nothing to show on a map. */
const BEHIND_THE_SCENES = new Set(['rules', 'sources', 'targets']);

/** The layer tree: categories in the catalogue's order; the topmost layer first, areas last from the largest down. */
export function groupsOf(layers: readonly Layer[]): CategoryGroup[] {
  const known = new Set<string>(CATEGORIES);
  const all: Category[] = [...CATEGORIES, 'other'];
  return all
    .map((category) => ({
      category,
      layers: layers
        .filter(({ document }) => !BEHIND_THE_SCENES.has(document.kind))
        .filter(({ document }) => (known.has(document.category) ? document.category : 'other') === category)
        .sort((a, b) => treeOrder(a) - treeOrder(b)),
    }))
    .filter((group) => group.layers.length > 0);
}

const treeOrder = ({ role, shape }: Layer): number =>
  role.kind === 'area' ? role.rank : -drawingOrder(role, shape) - 1;

function minZoomOf(role: Role, shape: Shape, count: number): number {
  switch (role.kind) {
    case 'area':
      return [0, 9.5, 12, 14][role.rank]!;
    case 'buildings':
      return 11;
    case 'components':
      return 15;
    case 'cameras':
    case 'sensors':
      return 13.5;
    case 'institutions':
      return 13;
    case 'plain':
      if (count <= 2_000) return 0;
      if (count <= 20_000) return shape === 'point' ? 11 : 9;
      return shape === 'point' ? 13.5 : 12;
    default:
      return 0;
  }
}
