// Roads: a casing and a body for each of four classes, the wide ones on top.
import type { ExpressionSpecification, FilterSpecification, LayerSpecification } from 'maplibre-gl';
import type { Layer } from '../../layers/catalogue';
import type { Palette } from '../palette';
import { FONT, localName, type StyleContext } from './context';

interface RoadClass {
  suffix: string;
  minZoom: number;
  classes: string[];
  color: (palette: Palette) => string;
  far?: (palette: Palette) => string;
  /** Width in pixels at zoom 10, 14, 18 and 20. */
  width: [number, number, number, number];
  cased: boolean;
}

const ROAD_CLASSES: RoadClass[] = [
  {
    suffix: 'path',
    minZoom: 15,
    classes: ['footway', 'path', 'steps', 'cycleway', 'pedestrian', 'track', 'bridleway', 'corridor',
      'track_grade1', 'track_grade2', 'track_grade3', 'track_grade4', 'track_grade5'],
    color: (palette) => palette.roadPath,
    width: [0.2, 0.6, 2, 4],
    cased: false,
  },
  {
    suffix: 'minor',
    minZoom: 12.5,
    classes: [],
    color: (palette) => palette.roadMinor,
    width: [0.2, 1.1, 9, 26],
    cased: true,
  },
  {
    suffix: 'middle',
    minZoom: 10,
    classes: ['secondary', 'secondary_link', 'tertiary', 'tertiary_link', 'primary_link', 'trunk_link', 'motorway_link'],
    color: (palette) => palette.roadMiddle,
    far: (palette) => palette.roadFar[1],
    width: [0.5, 2.2, 14, 38],
    cased: true,
  },
  {
    suffix: 'major',
    minZoom: 6,
    classes: ['motorway', 'trunk', 'primary', 'expressway', 'ring', 'radial'],
    color: (palette) => palette.roadMajor,
    far: (palette) => palette.roadFar[0],
    width: [0.9, 3.4, 19, 48],
    cased: true,
  },
];

/** What has no known class counts as a minor road; without any class at all, as a middle one. */
function filterOf(road: RoadClass, classField: string | null): FilterSpecification | null {
  if (classField === null) return road.suffix === 'middle' ? ['literal', true] : null;
  const value: ExpressionSpecification = ['to-string', ['get', classField]];
  if (road.classes.length > 0) return ['in', value, ['literal', road.classes]];
  const others = ROAD_CLASSES.flatMap((other) => other.classes);
  return ['!', ['in', value, ['literal', others]]];
}

function widthOf([at10, at14, at18, at20]: RoadClass['width'], extra: number): ExpressionSpecification {
  return [
    'interpolate', ['exponential', 1.5], ['zoom'],
    10, at10, 14, at14 + extra, 18, at18 + extra * 2, 20, at20 + extra * 2,
  ];
}

export function roadLayers(layer: Layer, classField: string | null, context: StyleContext): LayerSpecification[] {
  const { palette } = context;
  const base = { source: layer.id, 'source-layer': layer.id } as const;
  const layout = { ...context.layout(layer.id), 'line-cap': 'round', 'line-join': 'round' } as const;
  const drawn = ROAD_CLASSES.flatMap((road) => {
    const filter = filterOf(road, classField);
    return filter ? [{ road, filter }] : [];
  });
  const casings = drawn
    .filter(({ road }) => road.cased)
    .map(({ road, filter }): LayerSpecification => ({
      ...base, id: `${layer.id}:casing-${road.suffix}`, type: 'line', filter, layout,
      minzoom: Math.max(road.minZoom, 12),
      paint: { 'line-color': palette.roadCasing, 'line-width': widthOf(road.width, 1.4) },
    }));
  const bodies = drawn.map(({ road, filter }): LayerSpecification => ({
    ...base, id: `${layer.id}:${road.suffix}`, type: 'line', filter, layout, minzoom: road.minZoom,
    paint: {
      'line-color': ['interpolate', ['linear'], ['zoom'], 11.5, road.far?.(palette) ?? road.color(palette), 12.7, road.color(palette)],
      'line-width': widthOf(road.width, 0),
      'line-opacity': ['interpolate', ['linear'], ['zoom'], road.minZoom, 0.35, road.minZoom + 1, 1],
    },
  }));
  return [...casings, ...bodies];
}

export function roadLabels(layer: Layer, classField: string | null, context: StyleContext): LayerSpecification[] {
  if (!layer.document.fields.some(([name]) => name === 'name')) return [];
  const { palette } = context;
  return ['major', 'middle', 'minor'].flatMap((suffix, rank): LayerSpecification[] => {
    const road = ROAD_CLASSES.find((known) => known.suffix === suffix)!;
    const filter = filterOf(road, classField);
    if (!filter) return [];
    return [{
      id: `${layer.id}:label-${suffix}`, type: 'symbol', source: layer.id, 'source-layer': layer.id,
      minzoom: [13, 14.5, 15.5][rank]!, filter,
      layout: {
        ...context.layout(layer.id),
        // Along the road, but upright: lying on the ground, Chinese is not legible to who looks along it.
        'symbol-placement': 'line', 'text-pitch-alignment': 'viewport', 'symbol-spacing': 380, 'text-field': localName(context), 'text-font': FONT,
        'text-size': ['interpolate', ['linear'], ['zoom'], 13, 10.5, 17, 13], 'text-padding': 12,
        'text-letter-spacing': 0.04, 'text-max-angle': 30,
      },
      paint: { 'text-color': palette.labelQuiet, 'text-halo-color': palette.halo, 'text-halo-width': 1.4 },
    }];
  });
}
