// The shapes of markers, as paths in a box of 24 × 24, for the map and the panels alike.
import type { Level } from '../live/item';
import type { PointKind } from './style/plain';

export interface Mark {
  path: string;
  /** Size on the map in pixels at zoom 15. */
  size: number;
}

/** Diamond, triangle, square, circle and a small dot: told apart without their colours. */
export const levelMarks: Record<Level, Mark> = {
  1: { path: 'M12 1 23 12 12 23 1 12Z', size: 36 },
  2: { path: 'M12 2 22.5 21H1.5Z', size: 32 },
  3: { path: 'M4 4H20V20H4Z', size: 27 },
  4: { path: 'M12 3a9 9 0 1 1 0 18a9 9 0 1 1 0-18Z', size: 25 },
  0: { path: 'M12 6a6 6 0 1 1 0 12a6 6 0 1 1 0-12Z', size: 22 },
};

/** Where the numeral sits in the box, and how large it is. */
export const levelNumerals: Record<Level, { y: number; size: number } | null> = {
  1: { y: 12.4, size: 11.5 },
  2: { y: 15.2, size: 10.5 },
  3: { y: 12.4, size: 11.5 },
  4: { y: 12.4, size: 11.5 },
  0: null,
};

/** Ink that reads on each level's colour. */
export const levelInk: Record<Level, string> = { 0: '#10151f', 1: '#ffffff', 2: '#241200', 3: '#241c00', 4: '#ffffff' };

/** What moves points where it goes; a device that reports stands still. */
export const liveMarks: Record<'moving' | 'thing', Mark> = {
  moving: { path: 'M12 2.5 18.5 20.5 12 16.5 5.5 20.5Z', size: 21 },
  thing: { path: 'M12 4.5a7.5 7.5 0 1 1 0 15a7.5 7.5 0 1 1 0-15Z', size: 15 },
};

export const pointMarks: Record<PointKind, Mark> = {
  // A camera looks up the page: its heading turns it clockwise.
  cameras: { path: 'M12 3 19 19 12 15.5 5 19Z', size: 17 },
  sensors: { path: 'M12 5a7 7 0 1 1 0 14a7 7 0 1 1 0-14ZM12 9.5a2.5 2.5 0 1 0 0 5a2.5 2.5 0 1 0 0-5Z', size: 15 },
  institutions: { path: 'M12 3 21 9V20H3V9Z', size: 16 },
};
