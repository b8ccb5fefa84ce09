// What a person draws, measures, selects and notes: light, never an alarm's colour.
import type { ExpressionSpecification, GeoJSONSourceSpecification, LayerSpecification } from 'maplibre-gl';
import { FONT, type StyleContext } from './context';

export const SKETCH_SOURCE = 'sketch';

/** What a feature of the sketch is, in its property `role`. */
export type SketchRole = 'shape' | 'chosen' | 'buffer' | 'vertex' | 'fault' | 'note' | 'measure' | 'track'
  | 'removed' | 'changed' | 'added';

export const sketchSource: GeoJSONSourceSpecification = { type: 'geojson', data: { type: 'FeatureCollection', features: [] } };

const METRES_PER_PIXEL_AT_ZOOM_0 = 40_075_016.686 / 512;

export function sketchLayers({ palette, theme }: StyleContext): LayerSpecification[] {
  const ink = palette.highlight;
  // What differs between two versions: what has come, what has gone, and by light alone what has changed.
  const { come, gone } = palette;
  const colour = ['match', ['get', 'role'], 'added', come, 'removed', gone, ink] as unknown as ExpressionSpecification;
  const role = (name: SketchRole): ['==', ['get', string], string] => ['==', ['get', 'role'], name];
  // A buffer around a line is that line, twice as wide as the buffer, in the map's own measure.
  const width = ['/', ['*', 2, ['get', 'metres']], ['*', METRES_PER_PIXEL_AT_ZOOM_0, ['get', 'cosine']]] as unknown as number;
  return [
    { id: 'sketch:fill', type: 'fill', source: SKETCH_SOURCE, filter: ['all', ['==', ['geometry-type'], 'Polygon'], ['!', role('buffer')]], paint: { 'fill-color': colour, 'fill-opacity': ['match', ['get', 'role'], ['removed', 'changed', 'added'], 0.5, 'chosen', 0.28, 0.12] } },
    {
      id: 'sketch:buffer', type: 'line', source: SKETCH_SOURCE, filter: role('buffer'),
      layout: { 'line-cap': 'round', 'line-join': 'round' },
      paint: { 'line-color': ink, 'line-opacity': 0.16, 'line-width': ['interpolate', ['exponential', 2], ['zoom'], 0, width, 24, ['*', 2 ** 24, width]] },
    },
    {
      id: 'sketch:casing', type: 'line', source: SKETCH_SOURCE, filter: ['in', ['get', 'role'], ['literal', ['shape', 'measure', 'track']]],
      layout: { 'line-cap': 'round', 'line-join': 'round' },
      paint: { 'line-color': palette.halo, 'line-width': 4.5, 'line-opacity': 0.7 },
    },
    {
      id: 'sketch:line', type: 'line', source: SKETCH_SOURCE, filter: ['!', role('buffer')],
      layout: { 'line-cap': 'round', 'line-join': 'round' },
      paint: { 'line-color': colour, 'line-width': ['interpolate', ['linear'], ['zoom'], 12, ['match', ['get', 'role'], 'chosen', 0.4, 2.2], 16, ['match', ['get', 'role'], 'chosen', 1.6, 2.2]] },
    },
    {
      id: 'sketch:point', type: 'circle', source: SKETCH_SOURCE, filter: ['==', ['geometry-type'], 'Point'],
      paint: {
        'circle-color': ['match', ['get', 'role'], 'vertex', theme === 'dark' ? '#0b111d' : '#ffffff', 'fault', 'rgba(0, 0, 0, 0)', colour],
        'circle-radius': ['match', ['get', 'role'], 'fault', 11, 'chosen', 3.5, 'note', 5, 4.5],
        'circle-stroke-color': ink,
        'circle-stroke-width': ['match', ['get', 'role'], 'chosen', 0, 2],
      },
    },
    {
      id: 'sketch:label', type: 'symbol', source: SKETCH_SOURCE, filter: ['has', 'label'],
      layout: {
        'text-field': ['get', 'label'], 'text-font': FONT, 'text-size': 13, 'text-anchor': 'bottom', 'text-offset': [0, -0.8],
        'text-max-width': 14, 'text-allow-overlap': true, 'text-ignore-placement': true,
      },
      paint: { 'text-color': palette.label, 'text-halo-color': palette.halo, 'text-halo-width': 2 },
    },
  ];
}
