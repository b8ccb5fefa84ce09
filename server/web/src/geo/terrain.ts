// The ground's heights at places, out of terrain-RGB tiles.
import type { Position } from 'geojson';
import { tilesAddress } from '../api/address';

const ZOOM = 13;
const SIDE = 256;

/** Tile column and row of a place (WebMercatorQuad), with the pixel inside it. */
export function pixelOf([x = 0, y = 0]: Position, zoom = ZOOM): { column: number; row: number; px: number; py: number } {
  const tiles = 2 ** zoom;
  const phi = (y * Math.PI) / 180;
  const across = ((x + 180) / 360) * tiles;
  const down = ((1 - Math.log(Math.tan(phi) + 1 / Math.cos(phi)) / Math.PI) / 2) * tiles;
  const [column, row] = [Math.floor(across), Math.floor(down)];
  const inside = (value: number): number => Math.min(SIDE - 1, Math.floor((value % 1) * SIDE));
  return { column, row, px: inside(across), py: inside(down) };
}

/** Metres of a pixel of terrain-RGB: −10,000 + 0.1 · (65,536 R + 256 G + B). */
export const metresOfPixel = (red: number, green: number, blue: number): number =>
  Math.round((-10_000 + 0.1 * (65_536 * red + 256 * green + blue)) * 10) / 10;

/** The heights at places in metres; null where the grid has none. One request a tile. */
export async function heightsOf(collection: string, revision: number, places: Position[]): Promise<(number | null)[]> {
  const pixels = places.map((place) => pixelOf(place));
  const tiles = new Map<string, Promise<ImageData | null>>();
  for (const { column, row } of pixels) {
    const key = `${column}/${row}`;
    if (!tiles.has(key)) tiles.set(key, imageOf(tilesAddress(collection, revision).replace('{z}', String(ZOOM)).replace('{y}', String(row)).replace('{x}', String(column))));
  }
  return Promise.all(pixels.map(async ({ column, row, px, py }) => {
    const image = await tiles.get(`${column}/${row}`)!;
    if (!image) return null;
    const at = 4 * (py * image.width + px);
    const [red = 0, green = 0, blue = 0, alpha = 0] = image.data.subarray(at, at + 4);
    return alpha === 0 ? null : metresOfPixel(red, green, blue);
  }));
}

async function imageOf(address: string): Promise<ImageData | null> {
  const response = await fetch(address);
  if (response.status === 204 || !response.ok) return null;
  const bitmap = await createImageBitmap(await response.blob(), { colorSpaceConversion: 'none', premultiplyAlpha: 'none' });
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context?.drawImage(bitmap, 0, 0);
  return context?.getImageData(0, 0, bitmap.width, bitmap.height) ?? null;
}
