// The camera, the hidden layers and what else makes up a view in the page's address, so that it can be
// sent to a colleague: #view=zoom/latitude/longitude/bearing/pitch&off=layer,layer&with=JSON
import type { Presentation } from '../layers/presentation';
import type { Note } from '../tools/notes';

/** What a view holds besides camera and hidden layers. All of it may be missing. */
export interface Shared {
  layers?: Record<string, Partial<Presentation>>;
  order?: string[];
  notes?: Note[];
  scene?: { terrain?: boolean; relief?: boolean; sun?: string };
}

export interface View {
  zoom: number;
  latitude: number;
  longitude: number;
  bearing: number;
  pitch: number;
}

export interface HashState {
  view: View | null;
  /** Null if the address does not say. */
  hidden: string[] | null;
  shared: Shared;
}

export function parseHash(hash: string): HashState {
  const parameters = new URLSearchParams(hash.replace(/^#/, ''));
  const hidden = parameters.get('off');
  return {
    view: parseView(parameters.get('view')),
    hidden: hidden === null ? null : hidden.split(',').filter((id) => id !== ''),
    shared: parseShared(parameters.get('with')),
  };
}

/** An address comes from anywhere: what does not make sense in it is left out. */
function parseShared(text: string | null): Shared {
  let raw: unknown;
  try {
    raw = JSON.parse(text ?? '{}');
  } catch {
    return {};
  }
  const { layers, order, notes, scene } = (typeof raw === 'object' && raw !== null ? raw : {}) as Record<string, unknown>;
  const shared: Shared = {};
  const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
  if (isObject(layers)) {
    shared.layers = {};
    for (const [id, value] of Object.entries(layers)) {
      if (!isObject(value)) continue;
      const { opacity, filter, style } = value;
      shared.layers[id] = {
        ...(typeof opacity === 'number' && opacity >= 0 && opacity <= 1 ? { opacity } : {}),
        ...(typeof filter === 'string' ? { filter } : {}),
        ...(typeof style === 'string' ? { style } : {}),
      };
    }
  }
  if (Array.isArray(order)) shared.order = order.filter((id) => typeof id === 'string');
  if (Array.isArray(notes)) {
    shared.notes = notes.filter((note): note is Note => isObject(note) && typeof note['text'] === 'string'
      && Array.isArray(note['point']) && note['point'].length === 2 && note['point'].every((number) => typeof number === 'number' && Number.isFinite(number)));
  }
  if (isObject(scene)) {
    shared.scene = {
      terrain: scene['terrain'] === true,
      relief: scene['relief'] === true,
      ...(typeof scene['sun'] === 'string' && !Number.isNaN(Date.parse(scene['sun'])) ? { sun: scene['sun'] } : {}),
    };
  }
  return shared;
}

function parseView(text: string | null): View | null {
  if (text === null) return null;
  const parts = text.split('/').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  const [zoom, latitude, longitude, bearing = 0, pitch = 0] = parts;
  if (parts.some((part) => !Number.isFinite(part)) || zoom === undefined || latitude === undefined || longitude === undefined) {
    return null;
  }
  if (zoom < 0 || zoom > 24 || Math.abs(latitude) > 90 || Math.abs(longitude) > 180 || pitch < 0 || pitch > 85) return null;
  return { zoom, latitude, longitude, bearing, pitch };
}

export function formatHash(view: View, hidden: Iterable<string>, shared: Shared = {}): string {
  // As many decimals as the zoom can show.
  const decimals = Math.min(7, Math.max(2, Math.ceil(view.zoom / 3)));
  const parts = [
    view.zoom.toFixed(2), view.latitude.toFixed(decimals), view.longitude.toFixed(decimals),
    Math.round(view.bearing), Math.round(view.pitch),
  ];
  const off = [...hidden].sort().map(encodeURIComponent).join(',');
  const rest = Object.keys(shared).length === 0 ? '' : `&with=${encodeURIComponent(JSON.stringify(shared))}`;
  return `#view=${parts.join('/')}${off === '' ? '' : `&off=${off}`}${rest}`;
}
