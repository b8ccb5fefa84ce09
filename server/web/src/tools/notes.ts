// Notes on the map: a place and a few words. They live in the browser and travel in a shared view.
export interface Note {
  point: [number, number];
  text: string;
}

/** Longest text of a note, so that a shared address stays short enough to send. */
export const NOTE_LENGTH_MAX = 120;
export const NOTES_MAX = 40;
