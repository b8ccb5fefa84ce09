// The map's colours. The ground is neutral: red, orange, yellow and blue are alarm levels and
// nothing else, and what is chosen is marked by light, not by hue.
import type { Level } from '../live/item';

export type Theme = 'dark' | 'light';

export interface Palette {
  outside: string;
  land: string;
  water: string;
  shore: string;
  green: string;
  roadCasing: string;
  roadMajor: string;
  roadMiddle: string;
  roadMinor: string;
  roadPath: string;
  /** Major and middle roads from afar, where they have no casing. */
  roadFar: readonly [string, string];
  buildingFlat: string;
  buildingEdge: string;
  /** Height in metres and colour, rising. */
  buildingRamp: readonly [number, string][];
  /** Borders of areas, from the largest down. */
  borders: readonly [string, string, string, string];
  label: string;
  labelQuiet: string;
  halo: string;
  point: string;
  pointEdge: string;
  /** Fills of layers that the page has no special drawing for. */
  plain: readonly string[];
  highlight: string;
  highlightFill: string;
  /** What a later version has more, and what it has no longer; neither is the colour of an alarm. */
  come: string;
  gone: string;
  sky: string;
}

export const palettes: Record<Theme, Palette> = {
  dark: {
    outside: '#080d17',
    land: '#0f1726',
    water: '#060a13',
    shore: '#1a2740',
    green: '#10211f',
    roadCasing: '#0b1220',
    roadMajor: '#52658a',
    roadMiddle: '#34445f',
    roadMinor: '#222e43',
    roadPath: '#1e293b',
    roadFar: ['#52658a', '#34445f'],
    buildingFlat: '#18233a',
    buildingEdge: '#22304a',
    buildingRamp: [
      [0, '#1a2438'],
      [18, '#222f47'],
      [45, '#2d3d59'],
      [100, '#415574'],
      [200, '#5f7698'],
      [400, '#8ea3c2'],
    ],
    borders: ['#7386a8', '#4a5b7a', '#35435d', '#2a364c'],
    label: '#cbd6e8',
    labelQuiet: '#8797b1',
    halo: '#0a101c',
    point: '#93a1b8',
    pointEdge: '#0a101c',
    plain: ['#2b3647', '#33324a', '#2c3c3c', '#3c3540', '#383a33'],
    highlight: '#ffffff',
    highlightFill: '#dbe7ff',
    come: '#4fd1a5',
    gone: '#d58bd8',
    sky: '#0b1322',
  },
  light: {
    outside: '#e4e0d6',
    land: '#f3f0e8',
    water: '#cfd6d6',
    shore: '#bcc5c5',
    green: '#e0e6d5',
    roadCasing: '#d9d2c3',
    roadMajor: '#fffdf6',
    roadMiddle: '#fffefa',
    roadMinor: '#fdfbf6',
    roadPath: '#e6e0d3',
    roadFar: ['#b9ae98', '#d3cab8'],
    buildingFlat: '#e3ddd0',
    buildingEdge: '#d0c8b8',
    buildingRamp: [
      [0, '#e9e4d9'],
      [18, '#e1dbce'],
      [45, '#d8d1c2'],
      [100, '#cac2b1'],
      [200, '#b8af9d'],
      [400, '#9b917f'],
    ],
    borders: ['#77705f', '#a49b87', '#bdb5a2', '#cdc6b5'],
    label: '#333a45',
    labelQuiet: '#6d6a60',
    halo: '#f8f6f0',
    point: '#6b6f75',
    pointEdge: '#fbfaf6',
    plain: ['#d9d5cb', '#d8d2d8', '#cfd7d1', '#ddd2cc', '#d8d8c8'],
    highlight: '#14181f',
    highlightFill: '#5a5446',
    come: '#1b8a63',
    gone: '#a3479f',
    sky: '#eceae3',
  },
};

/** The four alarm colours, the same on both grounds; index 0 has no level. */
export const levelColors: Record<Level, string> = {
  0: '#9aa5b5',
  1: '#f0323c',
  2: '#ff8a1f',
  3: '#ffd02e',
  4: '#3d93ff',
};
