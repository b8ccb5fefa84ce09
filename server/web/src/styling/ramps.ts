// Colours for attributes. They keep away from the alarm levels' red, orange, yellow and blue, and run
// from weak to strong in lightness, so that they hold in grey as well: from 0.82 to 0.49 in OKLCH, so
// that both ends stand out from the dark land as well as from the light one.

/** Sequential ramps, weak to strong, by name. */
export const RAMPS = {
  teal: ['#86d7bb', '#68bda8', '#4aa295', '#2a8882', '#006f6f'],
  violet: ['#ccb9f1', '#b39be5', '#9b7dd8', '#835fcb', '#6c3ebe'],
  moss: ['#c2cc80', '#a4b368', '#879a52', '#6b823c', '#506b27'],
  rose: ['#edafcb', '#dd8faf', '#cc6e91', '#bb4c72', '#a82453'],
  slate: ['#bbc5d1', '#9eacbb', '#8292a6', '#677a91', '#4d627d'],
} as const;

export type RampName = keyof typeof RAMPS;

/** Colours for kinds, told apart in hue and lightness. */
export const KINDS = ['#3fa796', '#8f6fc0', '#a8b545', '#c76b8f', '#5f7f9f', '#c9a06a', '#5aa05a', '#a58fb8', '#7a6a55', '#9db8b0'];

/** What is in none of the classes. */
export const OTHER = '#8b93a0';

/** `count` colours of a ramp, evenly chosen. */
export function shades(ramp: RampName, count: number): string[] {
  const colors = RAMPS[ramp];
  if (count === 1) return [colors[3]];
  return Array.from({ length: count }, (_, i) => mix(colors, (i / (count - 1)) * (colors.length - 1)));
}

function mix(colors: readonly string[], at: number): string {
  const [low, share] = [Math.floor(at), at - Math.floor(at)];
  const channels = (color: string): number[] => [1, 3, 5].map((i) => Number.parseInt(color.slice(i, i + 2), 16));
  const [from, to] = [channels(colors[low]!), channels(colors[Math.min(low + 1, colors.length - 1)]!)];
  return `#${from.map((value, i) => Math.round(value + (to[i]! - value) * share).toString(16).padStart(2, '0')).join('')}`;
}
