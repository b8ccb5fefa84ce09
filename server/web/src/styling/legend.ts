// What the colours of a layer mean, whoever chose them.
import type { App } from '../app/app.svelte';
import { valueTitle } from '../i18n/i18n';
import type { Layer } from '../layers/catalogue';
import { LEVELS } from '../live/item';
import { levelColors, palettes } from '../map/palette';
import { legendIn, recipeIn, type LegendEntry } from './recipe';

/** The entries of the style that draws a layer, with values in the page's language. */
export function keptLegend(app: App, layer: Layer): LegendEntry[] {
  const style = app.styles.styleOf(layer, app.settings.presentationOf(layer.id).style);
  const field = recipeIn(style)?.field ?? '';
  return legendIn(style).map(({ color, label }) => ({ color, label: valueTitle(app.settings.language, field, label) }));
}

/** A legend for paper, where nothing can be pointed at. */
export function legendOf(app: App, layer: Layer): LegendEntry[] {
  const kept = keptLegend(app, layer);
  if (kept.length > 0) return kept;
  const palette = palettes[app.settings.theme];
  switch (layer.role.kind) {
    case 'live':
      return app.signOf(layer.id) === 'event'
        ? LEVELS.filter((level) => level > 0).map((level) => ({ color: levelColors[level], label: app.t(`level.${level}`) }))
        : [];
    case 'buildings':
      return palette.buildingRamp.map(([height, color]) => ({ color, label: `≥ ${height} m` }));
    case 'roads':
      return [
        { label: app.t('legend.road.major'), color: palette.roadMajor },
        { label: app.t('legend.road.middle'), color: palette.roadMiddle },
        { label: app.t('legend.road.minor'), color: palette.roadMinor },
      ];
    case 'water':
      return [{ color: palette.water, label: '' }];
    case 'green':
      return [{ color: palette.green, label: '' }];
    default:
      return [];
  }
}
