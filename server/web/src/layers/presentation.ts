// How a person has chosen to see a layer, besides whether it is shown.

export interface Presentation {
  /** 0 to 1. */
  opacity: number;
  /** A CQL2 filter; empty for all items. */
  filter: string;
  /** The id of one of the layer's styles in the city, `none` for the page's own drawing; null for the style that bears the layer's id. */
  style: string | null;
}

export const PLAIN: Presentation = { opacity: 1, filter: '', style: null };

export const isPlain = ({ opacity, filter, style }: Presentation): boolean => opacity === 1 && filter === '' && style === null;

/** Puts layers into a chosen order, the lowest first; those without a place keep theirs between the others. */
export function inOrder<T extends { id: string }>(layers: readonly T[], order: readonly string[]): T[] {
  const wanted = new Map(order.map((id, at) => [id, at]));
  const placed = layers.filter(({ id }) => wanted.has(id)).sort((a, b) => wanted.get(a.id)! - wanted.get(b.id)!);
  let next = 0;
  return layers.map((layer) => (wanted.has(layer.id) ? placed[next++]! : layer));
}

/** The order after a layer has moved a step up or down; unchanged at the end. */
export function moved(ids: readonly string[], id: string, step: 1 | -1): string[] {
  const order = [...ids];
  const at = order.indexOf(id);
  const to = at + step;
  if (at < 0 || to < 0 || to >= order.length) return order;
  [order[at], order[to]] = [order[to]!, order[at]!];
  return order;
}
