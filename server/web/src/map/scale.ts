// A scale bar of a round length.

/** Metres per pixel of a web map with a 512-pixel world at zoom 0 (EPSG:3857 on its sphere). */
export const metresPerPixel = (latitude: number, zoom: number): number =>
  (40_075_016.686 * Math.cos((latitude * Math.PI) / 180)) / (512 * 2 ** zoom);

/** The longest of 1, 2, 5 × 10ⁿ metres that fits into the given pixels. */
export function scaleBar(latitude: number, zoom: number, widthMax: number): { metres: number; width: number } {
  const perPixel = metresPerPixel(latitude, zoom);
  const longest = perPixel * widthMax;
  const power = 10 ** Math.floor(Math.log10(longest));
  const metres = [5, 2, 1].map((factor) => factor * power).find((length) => length <= longest) ?? power;
  return { metres, width: metres / perPixel };
}
