// What every part of the style is built from.
import type { ExpressionSpecification } from 'maplibre-gl';
import type { Language } from '../../i18n/i18n';
import type { Palette, Theme } from '../palette';

/**
 * The map's lettering. The style names no glyph server, so MapLibre draws every letter with the
 * page's own fonts: Inter, which is shipped, and for Chinese what the machine has.
 */
export const FONT = ['Inter Variable', 'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', 'Source Han Sans SC'];
export const FONT_STRONG = ['Inter Variable Semibold', ...FONT];

export interface StyleContext {
  theme: Theme;
  palette: Palette;
  language: Language;
  /** The layout that shows or hides a collection. */
  layout(collection: string): { visibility: 'visible' | 'none' };
}

/** A feature's name in the page's language, if it has one. */
export const localName = (context: StyleContext): ExpressionSpecification =>
  ['to-string', ['coalesce', ['get', `name_${context.language}`], ['get', 'name'], '']];
