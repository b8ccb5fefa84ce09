// A picture of the map as a sheet: title, map, scale bar, north arrow, legend, source and time; as PNG or PDF.
import { scaleBar } from '../map/scale';
import type { LegendEntry } from '../styling/recipe';

export interface Sheet {
  title: string;
  subtitle: string;
  /** The map, with the screen's pixels per CSS pixel. */
  map: HTMLCanvasElement;
  ratio: number;
  latitude: number;
  zoom: number;
  bearing: number;
  legend: { title: string; entries: LegendEntry[] }[];
  legendTitle: string;
  source: string;
  lengthText: (metres: number) => string;
  north: string;
}

const INK = '#1c222b';
const QUIET = '#68675f';
const FONT = '"Inter Variable", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif';

/** Draws a sheet: white paper, the map in a frame, what explains it to its right and below. */
export function drawSheet(sheet: Sheet): HTMLCanvasElement {
  const { ratio, map } = sheet;
  const unit = ratio;
  const margin = 28 * unit;
  const side = 250 * unit;
  const head = 64 * unit;
  const foot = 58 * unit;
  const canvas = document.createElement('canvas');
  canvas.width = map.width + side + 3 * margin;
  canvas.height = Math.max(map.height, 420 * unit) + head + foot + margin;
  const context = canvas.getContext('2d')!;
  const text = (content: string, x: number, y: number, size: number, weight = 400, color = INK, width?: number): void => {
    context.font = `${weight} ${size * unit}px ${FONT}`;
    context.fillStyle = color;
    context.fillText(content, x, y, width);
  };
  context.fillStyle = '#ffffff';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.textBaseline = 'alphabetic';
  text(sheet.title, margin, margin + 14 * unit, 22, 650);
  text(sheet.subtitle, margin, margin + 34 * unit, 12, 400, QUIET);
  const top = head + margin * 0.4;
  context.drawImage(map, margin, top);
  context.strokeStyle = INK;
  context.lineWidth = unit;
  context.strokeRect(margin, top, map.width, map.height);

  const x = map.width + 2 * margin;
  drawNorth(context, x + 16 * unit, top + 24 * unit, 20 * unit, sheet.bearing);
  text(sheet.north, x + 44 * unit, top + 29 * unit, 13, 600);
  let y = top + 84 * unit;
  text(sheet.legendTitle, x, y, 15, 650);
  const bottom = top + map.height - 10 * unit;
  for (const { title, entries } of sheet.legend) {
    y += 26 * unit;
    if (y > bottom) break;
    text(title, x, y, 12.5, 600, INK, side);
    for (const { color, label } of entries) {
      y += 18 * unit;
      if (y > bottom) break;
      context.fillStyle = color;
      context.fillRect(x, y - 10 * unit, 18 * unit, 11 * unit);
      context.strokeStyle = '#00000033';
      context.strokeRect(x, y - 10 * unit, 18 * unit, 11 * unit);
      text(label, x + 26 * unit, y, 12, 400, INK, side - 26 * unit);
    }
  }

  const base = top + map.height + 26 * unit;
  const bar = scaleBar(sheet.latitude, sheet.zoom, 160);
  context.strokeStyle = INK;
  context.lineWidth = 1.6 * unit;
  context.beginPath();
  context.moveTo(margin, base - 7 * unit);
  context.lineTo(margin, base);
  context.lineTo(margin + bar.width * unit, base);
  context.lineTo(margin + bar.width * unit, base - 7 * unit);
  context.stroke();
  text(sheet.lengthText(bar.metres), margin + (bar.width + 10) * unit, base, 12, 600);
  text(sheet.source, margin, base + 22 * unit, 11, 400, QUIET, canvas.width - 2 * margin);
  return canvas;
}

function drawNorth(context: CanvasRenderingContext2D, x: number, y: number, size: number, bearing: number): void {
  context.save();
  context.translate(x, y);
  context.rotate((-bearing * Math.PI) / 180);
  context.beginPath();
  context.moveTo(0, -size);
  context.lineTo(size * 0.62, size);
  context.lineTo(0, size * 0.5);
  context.lineTo(-size * 0.62, size);
  context.closePath();
  context.fillStyle = INK;
  context.fill();
  context.restore();
}

export const blobOf = (canvas: HTMLCanvasElement, type: string): Promise<Blob> =>
  new Promise((done, fail) => canvas.toBlob((blob) => (blob ? done(blob) : fail(new Error(type))), type, 0.93));

/** One page of the picture's own proportions that holds it whole (PDF 1.4, ISO 32000-1). */
export async function pdfOf(canvas: HTMLCanvasElement): Promise<Blob> {
  const picture = new Uint8Array(await (await blobOf(canvas, 'image/jpeg')).arrayBuffer());
  return new Blob(pdfBytes(picture, canvas.width, canvas.height), { type: 'application/pdf' });
}

/** A PDF of one JPEG. The long side is that of A4, 842 points. */
export function pdfBytes(jpeg: Uint8Array, width: number, height: number): Uint8Array<ArrayBuffer>[] {
  const scale = 842 / Math.max(width, height);
  const [w, h] = [(width * scale).toFixed(2), (height * scale).toFixed(2)];
  const content = `q ${w} 0 0 ${h} 0 0 cm /Map Do Q`;
  const encoder = new TextEncoder();
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const offsets: number[] = [];
  let length = 0;
  const put = (part: string | Uint8Array): void => {
    const bytes = typeof part === 'string' ? encoder.encode(part) : new Uint8Array(part);
    parts.push(bytes);
    length += bytes.length;
  };
  const object = (body: string, stream?: string | Uint8Array): void => {
    offsets.push(length);
    put(`${offsets.length} 0 obj\n${body}\n`);
    if (stream !== undefined) {
      put('stream\n');
      put(stream);
      put('\nendstream\n');
    }
    put('endobj\n');
  };
  put('%PDF-1.4\n');
  object('<< /Type /Catalog /Pages 2 0 R >>');
  object('<< /Type /Pages /Kids [3 0 R] /Count 1 >>');
  object(`<< /Type /Page /Parent 2 0 R /MediaBox [0 0 ${w} ${h}] /Resources << /XObject << /Map 5 0 R >> >> /Contents 4 0 R >>`);
  object(`<< /Length ${content.length} >>`, content);
  object(`<< /Type /XObject /Subtype /Image /Width ${width} /Height ${height} /ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /DCTDecode /Length ${jpeg.length} >>`, jpeg);
  const table = length;
  put(`xref\n0 ${offsets.length + 1}\n0000000000 65535 f \n${offsets.map((at) => `${String(at).padStart(10, '0')} 00000 n \n`).join('')}`);
  put(`trailer\n<< /Size ${offsets.length + 1} /Root 1 0 R >>\nstartxref\n${table}\n%%EOF\n`);
  return parts;
}
