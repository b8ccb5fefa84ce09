// Colours for attributes. They keep away from the alarm levels' red, orange, yellow and blue, read on
// both grounds, and run from weak to strong in lightness, so that they hold in grey as well.

/** Sequential ramps, weak to strong, by name. */
export const RAMPS = {
  teal: ['#cfe9e3', '#8fcfc4', '#4fb0a3', '#268a80', '#0d635d'],
  violet: ['#e2d9f0', '#bfaadf', '#9b7bcb', '#7650ae', '#512e86'],
  moss: ['#e3e8c6', '#bccb86', '#93aa54', '#6b8433', '#465c1d'],
  rose: ['#f2d9e2', '#dda3ba', '#c46f92', '#a3446c', '#792448'],
  slate: ['#dce2ea', '#aab7c8', '#7b8da6', '#54677f', '#34455a'],
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
