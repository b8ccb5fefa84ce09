// Coordinates that a person types or pastes, and the offset datum of Chinese web maps.

export interface Place {
  /** Longitude, latitude in degrees. */
  point: [number, number];
  /** True if the pair was taken as GCJ-02 and turned back. */
  gcj02: boolean;
}

const NUMBER = String.raw`[-+]?\d{1,3}(?:\.\d+)?`;
const PAIR = new RegExp(String.raw`^\s*[([{]?\s*(${NUMBER})\s*°?\s*([NSEWnsew])?\s*[,，;\s/]\s*(${NUMBER})\s*°?\s*([NSEWnsew])?\s*[)\]}]?\s*$`);

/**
 * The place that a text names, as longitude and latitude. Letters of the compass decide the order;
 * else a number beyond 90 is the longitude; else the first is the longitude.
 */
export function parsePair(text: string): [number, number] | null {
  const match = PAIR.exec(text);
  if (!match) return null;
  const [first, second] = [Number(match[1]), Number(match[3])];
  const [a, b] = [match[2]?.toUpperCase() ?? '', match[4]?.toUpperCase() ?? ''];
  const signed = (value: number, letter: string): number => (letter === 'S' || letter === 'W' ? -value : value);
  const latitudeFirst = 'NS'.includes(a) && a !== '' ? true
    : 'EW'.includes(a) && a !== '' ? false
      : 'EW'.includes(b) && b !== '' ? true
        : Math.abs(first) <= 90 && Math.abs(second) > 90;
  const [longitude, latitude] = latitudeFirst ? [signed(second, b), signed(first, a)] : [signed(first, a), signed(second, b)];
  return Math.abs(longitude) <= 180 && Math.abs(latitude) <= 90 ? [longitude, latitude] : null;
}

/** The places that a pair can mean: as it is, and taken as GCJ-02 where that is in use. */
export function placesOf(text: string): Place[] {
  const pair = parsePair(text);
  if (!pair) return [];
  const plain: Place = { point: pair, gcj02: false };
  return inChina(pair) ? [plain, { point: fromGcj02(pair), gcj02: true }] : [plain];
}

const A = 6_378_245;
const E2 = 0.006_693_421_622_965_943;

const inChina = ([x, y]: [number, number]): boolean => x >= 72.004 && x <= 137.8347 && y >= 0.8293 && y <= 55.8271;

/** WGS 84 to GCJ-02 by the published offset formulas; outside China nothing is moved. */
export function toGcj02(point: [number, number]): [number, number] {
  if (!inChina(point)) return point;
  const [x, y] = [point[0] - 105, point[1] - 35];
  const wave = (value: number): number => (20 * Math.sin(6 * x * Math.PI) + 20 * Math.sin(2 * x * Math.PI)) * 2 / 3 + value;
  const swing = (t: number, big: number, small: number): number =>
    (20 * Math.sin(t * Math.PI) + 40 * Math.sin((t / 3) * Math.PI)) * 2 / 3
    + (big * Math.sin((t / 12) * Math.PI) + small * Math.sin((t / 30) * Math.PI)) * 2 / 3;
  const north = wave(-100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * Math.sqrt(Math.abs(x))) + swing(y, 160, 320);
  const east = wave(300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * Math.sqrt(Math.abs(x))) + swing(x, 150, 300);
  const phi = (point[1] / 180) * Math.PI;
  const magic = 1 - E2 * Math.sin(phi) ** 2;
  return [
    point[0] + (east * 180) / ((A / Math.sqrt(magic)) * Math.cos(phi) * Math.PI),
    point[1] + (north * 180) / (((A * (1 - E2)) / (magic * Math.sqrt(magic))) * Math.PI),
  ];
}

/** GCJ-02 to WGS 84: the point that the formulas move here, found by repetition to below a millimetre. */
export function fromGcj02(point: [number, number]): [number, number] {
  let guess = point;
  for (let turn = 0; turn < 12; turn += 1) {
    const [x, y] = toGcj02(guess);
    guess = [guess[0] + point[0] - x, guess[1] + point[1] - y];
  }
  return guess;
}
