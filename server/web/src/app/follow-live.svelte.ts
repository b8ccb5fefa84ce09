// Keeps a map's live items in step: with what comes in, or with a state of the past.
import type { LiveItem } from '../live/item';
import type { CityMap } from '../map/city-map';
import type { App } from './app.svelte';

/** Milliseconds over which changes are gathered; the map's worker has other things to do as well. */
const DRAW_MS = 200;

/** To be called while a component is set up. `past` gives what is shown instead of the present, or null. */
export function followLive(app: App, map: () => CityMap | null, past: () => ReadonlyMap<string, LiveItem> | null): void {
  const [changes, unfollow] = app.live.follow();
  let waiting: ReturnType<typeof setTimeout> | undefined;
  // What is on the map: all of this, or the present as it was when changes were last asked for.
  let on: CityMap | null = null;
  let shown: ReadonlyMap<string, LiveItem> | null = null;

  const draw = (): void => {
    waiting = undefined;
    const target = map();
    if (target && past() === null) target.showLive(app.live.items, changes(), app.signOf);
  };
  $effect(() => {
    const [target, items] = [map(), past()];
    if (items === null) void app.live.state;
    if (!target) return;
    if (target === on && items === shown) {
      if (items === null) waiting ??= setTimeout(draw, DRAW_MS);
      return;
    }
    [on, shown] = [target, items];
    if (items === null) changes();
    target.showLive(items ?? app.live.items, null, app.signOf);
  });
  $effect(() => () => {
    clearTimeout(waiting);
    unfollow();
  });
}
