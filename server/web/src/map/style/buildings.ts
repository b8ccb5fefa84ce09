// Buildings as outlines on the ground. From zoom 14 on they stand up, as 3D Tiles: map/tiles3d.
import type { ExpressionSpecification, LayerSpecification } from 'maplibre-gl';
import type { Layer } from '../../layers/catalogue';
import { STOREY_METRES, UNKNOWN_METRES, type Role } from '../../layers/roles';
import type { StyleInput } from './build';
import { FONT, localName, type StyleContext } from './context';

type BuildingsRole = Extract<Role, { kind: 'buildings' }>;

/** From this zoom on buildings stand up. */
export const RAISED_ZOOM = 14;

/** `drawnHeight` as an expression of the map. */
export function heightExpression(role: BuildingsRole): ExpressionSpecification {
  const positive = (value: ExpressionSpecification, otherwise: ExpressionSpecification | number): ExpressionSpecification =>
    ['case', ['>', value, 0], value, otherwise];
  const number = (field: string): ExpressionSpecification => ['to-number', ['get', field], 0];
  const byFloors: ExpressionSpecification | number = role.floorsField
    ? positive(['*', STOREY_METRES, number(role.floorsField)], UNKNOWN_METRES)
    : UNKNOWN_METRES;
  if (role.heightField) return positive(number(role.heightField), byFloors);
  return typeof byFloors === 'number' ? ['literal', byFloors] as unknown as ExpressionSpecification : byFloors;
}

/**
 * Whether a layer's buildings stand on the map as 3D Tiles. Those hold neither the attributes that a
 * style of the city's own may ask for nor the outcome of a filter, and they are of the current version;
 * else vector tiles are raised.
 */
export const standsAsTiles = (layer: Layer, input: Pick<StyleInput, 'styleOf' | 'presentationOf' | 'asOf'>): boolean =>
  layer.role.kind === 'buildings' && input.styleOf(layer) === null && input.presentationOf(layer).filter === '' && input.asOf(layer) === null;

/** Outlines on the ground, and what is raised from them where the buildings do not stand as 3D Tiles. */
export function buildingLayers(layer: Layer, role: BuildingsRole, context: StyleContext, stands: boolean): LayerSpecification[] {
  const { palette } = context;
  const height = heightExpression(role);
  const ramp = ['interpolate', ['linear'], height, ...palette.buildingRamp.flat()] as unknown as ExpressionSpecification;
  const base = { source: layer.id, 'source-layer': layer.id } as const;
  const layout = context.layout(layer.id);
  const all: LayerSpecification[] = [
    {
      ...base, id: `${layer.id}:flat`, type: 'fill', layout, minzoom: layer.minZoom, ...(stands ? {} : { maxzoom: RAISED_ZOOM + 0.4 }),
      filter: ['==', ['geometry-type'], 'Polygon'],
      paint: {
        'fill-color': ramp,
        // From afar an outline would be all that is seen of a house.
        'fill-antialias': ['step', ['zoom'], false, 13, true],
        'fill-outline-color': palette.buildingEdge,
        'fill-opacity': ['interpolate', ['linear'], ['zoom'], 11, 0.4, 13.2, 1, ...(stands ? [] : [RAISED_ZOOM, 1, RAISED_ZOOM + 0.4, 0])],
      },
    },
    {
      ...base, id: `${layer.id}:raised`, type: 'fill-extrusion', layout, minzoom: RAISED_ZOOM,
      filter: ['==', ['geometry-type'], 'Polygon'],
      paint: {
        'fill-extrusion-color': ramp,
        'fill-extrusion-height': [
          'interpolate', ['linear'], ['zoom'], RAISED_ZOOM, ['*', 0.2, height], RAISED_ZOOM + 0.7, height,
        ],
        'fill-extrusion-base': role.baseField ? ['to-number', ['get', role.baseField], 0] : 0,
        'fill-extrusion-opacity': context.theme === 'dark' ? 0.94 : 0.96,
        'fill-extrusion-vertical-gradient': true,
      },
    },
  ];
  return stands ? all.slice(0, 1) : all;
}

export function buildingLabels(layer: Layer, context: StyleContext): LayerSpecification[] {
  if (!layer.document.fields.some(([name]) => name === 'name')) return [];
  const { palette } = context;
  return [{
    id: `${layer.id}:label`, type: 'symbol', source: layer.id, 'source-layer': layer.id, minzoom: 15.8,
    filter: ['!=', localName(context), ''],
    layout: {
      ...context.layout(layer.id),
      'text-field': localName(context), 'text-font': FONT, 'text-size': 11.5, 'text-max-width': 9, 'text-padding': 14,
    },
    paint: { 'text-color': palette.label, 'text-halo-color': palette.halo, 'text-halo-width': 1.4 },
  }];
}
