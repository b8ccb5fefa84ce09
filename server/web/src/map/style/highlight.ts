// The chosen item, outlined in light.
import type { GeoJSONSourceSpecification, LayerSpecification } from 'maplibre-gl';
import type { StyleContext } from './context';

export const HIGHLIGHT_SOURCE = 'highlight:item';

export const highlightSource: GeoJSONSourceSpecification = {
  type: 'geojson',
  data: { type: 'FeatureCollection', features: [] },
};

export function highlightLayers({ palette }: StyleContext): LayerSpecification[] {
  return [
    {
      id: 'highlight:fill', type: 'fill', source: HIGHLIGHT_SOURCE,
      filter: ['all', ['==', ['geometry-type'], 'Polygon'], ['!', ['has', 'height']]],
      paint: { 'fill-color': palette.highlightFill, 'fill-opacity': 0.12 },
    },
    {
      id: 'highlight:raised', type: 'fill-extrusion', source: HIGHLIGHT_SOURCE,
      filter: ['all', ['==', ['geometry-type'], 'Polygon'], ['has', 'height']],
      paint: {
        'fill-extrusion-color': palette.highlightFill,
        'fill-extrusion-height': ['+', ['get', 'height'], 0.4],
        'fill-extrusion-opacity': 0.9,
      },
    },
    {
      id: 'highlight:line', type: 'line', source: HIGHLIGHT_SOURCE,
      filter: ['all', ['!=', ['geometry-type'], 'Point'], ['!', ['has', 'height']]],
      layout: { 'line-cap': 'round', 'line-join': 'round' },
      paint: { 'line-color': palette.highlight, 'line-width': 2.5 },
    },
    {
      id: 'highlight:point', type: 'circle', source: HIGHLIGHT_SOURCE, filter: ['==', ['geometry-type'], 'Point'],
      paint: {
        'circle-color': 'rgba(0, 0, 0, 0)',
        'circle-radius': ['interpolate', ['linear'], ['zoom'], 8, 13, 15, 21],
        'circle-stroke-color': palette.highlight,
        'circle-stroke-width': 2,
      },
    },
  ];
}
