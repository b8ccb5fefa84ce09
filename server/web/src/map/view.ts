// The camera and the hidden layers in the page's address, so that a view can be sent to a colleague:
// #view=zoom/latitude/longitude/bearing/pitch&off=layer,layer

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
}

export function parseHash(hash: string): HashState {
  const parameters = new URLSearchParams(hash.replace(/^#/, ''));
  const hidden = parameters.get('off');
  return {
    view: parseView(parameters.get('view')),
    hidden: hidden === null ? null : hidden.split(',').filter((id) => id !== ''),
  };
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

export function formatHash(view: View, hidden: Iterable<string>): string {
  // As many decimals as the zoom can show.
  const decimals = Math.min(7, Math.max(2, Math.ceil(view.zoom / 3)));
  const parts = [
    view.zoom.toFixed(2), view.latitude.toFixed(decimals), view.longitude.toFixed(decimals),
    Math.round(view.bearing), Math.round(view.pitch),
  ];
  const off = [...hidden].sort().map(encodeURIComponent).join(',');
  return `#view=${parts.join('/')}${off === '' ? '' : `&off=${off}`}`;
}
