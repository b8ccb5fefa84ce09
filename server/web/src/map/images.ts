// Draws the marker images that the style names, once, on a canvas.
import type { Map as MapLibre } from 'maplibre-gl';
import { LEVELS } from '../live/item';
import { levelInk, levelMarks, levelNumerals, liveMarks, pointMarks, type Mark } from './marks';
import { levelColors, palettes, type Theme } from './palette';
import { levelImage, levelImageSmall, liveImage } from './style/live';
import { pointImage, type PointKind } from './style/plain';

/** Pixels of an image per pixel of the screen: sharp on a 4K wall. */
const PIXEL_RATIO = 3;
const BOX = 24;
/** The size of a marker without its numeral. */
const SMALL = 0.46;

export function addImages(map: MapLibre): void {
  for (const level of LEVELS) {
    const mark = levelMarks[level];
    add(map, levelImageSmall(level), { ...mark, size: mark.size * SMALL }, (context, path) => {
      outline(context, path, 'rgba(6, 9, 16, 0.85)', 4);
      context.fillStyle = levelColors[level];
      context.fill(path);
    });
    add(map, levelImage(level), mark, (context, path) => {
      outline(context, path, 'rgba(6, 9, 16, 0.85)', 3.4);
      outline(context, path, '#ffffff', 1.6);
      context.fillStyle = levelColors[level];
      context.fill(path);
      const numeral = levelNumerals[level];
      if (!numeral) return;
      context.fillStyle = levelInk[level];
      context.font = `700 ${numeral.size}px "Inter Variable", sans-serif`;
      context.textAlign = 'center';
      context.textBaseline = 'middle';
      context.fillText(String(level), BOX / 2, numeral.y);
    });
  }
  for (const theme of ['dark', 'light'] as Theme[]) {
    for (const kind of Object.keys(pointMarks) as PointKind[]) {
      add(map, pointImage(kind, theme), pointMarks[kind], (context, path) => {
        outline(context, path, palettes[theme].pointEdge, 3);
        context.fillStyle = palettes[theme].point;
        context.fill(path, 'evenodd');
      });
    }
    for (const sign of ['moving', 'thing'] as const) {
      add(map, liveImage(sign, theme), liveMarks[sign], (context, path) => {
        outline(context, path, palettes[theme].halo, 5);
        outline(context, path, palettes[theme].highlight, 1.6);
        context.fillStyle = sign === 'moving' ? palettes[theme].highlight : palettes[theme].point;
        context.fill(path);
      });
    }
  }
}

type Draw = (context: CanvasRenderingContext2D, path: Path2D) => void;

function add(map: MapLibre, name: string, mark: Mark, draw: Draw): void {
  if (map.hasImage(name)) return;
  // Room around the box for the outline.
  const margin = 2;
  const canvas = document.createElement('canvas');
  const scale = (mark.size / (BOX + 2 * margin)) * PIXEL_RATIO;
  const side = Math.ceil((BOX + 2 * margin) * scale);
  canvas.width = canvas.height = side;
  // It is read back at once, which from a canvas on the GPU takes long.
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (!context) return;
  context.scale(scale, scale);
  context.translate(margin, margin);
  draw(context, new Path2D(mark.path));
  map.addImage(name, context.getImageData(0, 0, side, side), { pixelRatio: PIXEL_RATIO });
}

function outline(context: CanvasRenderingContext2D, path: Path2D, color: string, width: number): void {
  context.strokeStyle = color;
  context.lineWidth = width;
  context.lineJoin = 'round';
  context.stroke(path);
}
