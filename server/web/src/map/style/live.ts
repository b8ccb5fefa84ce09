// Live items: a marker whose shape, size and colour all tell the level, the severe ones on top.
import type { ExpressionSpecification, GeoJSONSourceSpecification, LayerSpecification } from 'maplibre-gl';
import { levelColors } from '../palette';
import { FONT, type StyleContext } from './context';

export const LIVE_SOURCE = 'live:items';
export const LIVE_ICONS = 'live:icon';
export const LIVE_OTHERS = 'live:other';
export const levelImage = (level: number): string => `level-${level}`;
export const levelImageSmall = (level: number): string => `level-small-${level}`;

/** From this zoom on a marker carries its numeral. */
const FULL_ZOOM = 11.5;

export const liveSource: GeoJSONSourceSpecification = {
  type: 'geojson',
  data: { type: 'FeatureCollection', features: [] },
  promoteId: 'key',
};

/** The sign of what moves, seen from above, and of a device. */
export const liveImage = (sign: 'moving' | 'thing', theme: string): string => `live-${sign}@${theme}`;

export function liveLayers(context: StyleContext, hidden: ReadonlySet<string>): LayerSpecification[] {
  const { palette } = context;
  const shown: ExpressionSpecification = ['!', ['in', ['get', 'collection'], ['literal', [...hidden]]]];
  const event: ExpressionSpecification = ['==', ['get', 'sign'], 'event'];
  return [
    {
      id: 'live:halo', type: 'circle', source: LIVE_SOURCE, filter: ['all', shown, event, ['in', ['get', 'level'], ['literal', [1, 2]]]],
      paint: {
        'circle-color': ['match', ['get', 'level'], 1, levelColors[1], levelColors[2]],
        'circle-radius': ['interpolate', ['linear'], ['zoom'], 8, ['match', ['get', 'level'], 1, 11, 8], 15, ['match', ['get', 'level'], 1, 34, 24]],
        'circle-blur': 0.9,
        'circle-opacity': context.theme === 'dark' ? 0.42 : 0.3,
        'circle-pitch-alignment': 'map',
      },
    },
    {
      id: LIVE_OTHERS, type: 'symbol', source: LIVE_SOURCE, filter: ['all', shown, ['!', event]],
      layout: {
        'icon-image': ['concat', 'live-', ['get', 'sign'], `@${context.theme}`],
        'icon-size': ['interpolate', ['linear'], ['zoom'], 9, 0.35, 13, 0.7, 17, 1],
        'icon-rotate': ['get', 'heading'],
        'icon-rotation-alignment': 'map',
        // Lying on the ground they are a dash to who looks along it.
        'icon-pitch-alignment': 'viewport',
        'icon-allow-overlap': true,
        'icon-ignore-placement': true,
        'text-field': ['step', ['zoom'], '', 15.5, ['get', 'title']],
        'text-font': FONT, 'text-size': 11.5, 'text-anchor': 'top', 'text-offset': [0, 0.9], 'text-optional': true,
      },
      paint: { 'text-color': palette.label, 'text-halo-color': palette.halo, 'text-halo-width': 1.6 },
    },
    {
      id: LIVE_ICONS, type: 'symbol', source: LIVE_SOURCE, filter: ['all', shown, event],
      layout: {
        // From afar a numeral would only be noise.
        'icon-image': [
          'step', ['zoom'], ['concat', 'level-small-', ['to-string', ['get', 'level']]],
          FULL_ZOOM, ['concat', 'level-', ['to-string', ['get', 'level']]],
        ],
        'icon-size': [
          'interpolate', ['linear'], ['zoom'],
          8, 0.8, FULL_ZOOM - 0.01, 1.15, FULL_ZOOM, 0.62, 13, 0.8, 15, 1, 19, 1.25,
        ],
        'icon-allow-overlap': true,
        'icon-ignore-placement': true,
        'symbol-sort-key': ['-', 0, ['get', 'severity']],
        'text-field': ['step', ['zoom'], '', 14.5, ['get', 'title']],
        'text-font': FONT,
        'text-size': 12,
        'text-anchor': 'left',
        'text-offset': [1.3, 0],
        'text-justify': 'left',
        'text-optional': true,
        'text-max-width': 14,
      },
      paint: { 'text-color': palette.label, 'text-halo-color': palette.halo, 'text-halo-width': 1.6 },
    },
  ];
}
