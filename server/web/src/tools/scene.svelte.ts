// The scene in three dimensions: ground, relief, and the sun at an hour of a day.
import { getPosition, getTimes } from 'suncalc';
import type { App } from '../app/app.svelte';
import type { Scene, Sun } from '../map/style/scene';

export class SceneTool {
  terrain = $state(false);
  relief = $state(false);
  sunOn = $state(false);
  /** Milliseconds since 1970. */
  time = $state(Date.now());

  constructor(private readonly app: App) {
    const scene = app.start.shared.scene;
    if (!scene) return;
    this.terrain = scene.terrain === true;
    this.relief = scene.relief === true;
    if (scene.sun) {
      this.sunOn = true;
      this.time = Date.parse(scene.sun);
    }
  }

  private readonly place: [number, number] = $derived.by(() => {
    const { view } = this.app;
    // To a tenth of a degree, so that a pan does not move the sun with every frame.
    return view ? [Math.round(view.longitude * 10) / 10, Math.round(view.latitude * 10) / 10] : [0, 0];
  });

  readonly sun: Sun | null = $derived.by(() => (this.sunOn ? getPosition(new Date(this.time), this.place[1], this.place[0]) : null));

  /** Sunrise and sunset of the chosen day, milliseconds since 1970; null where there is none. */
  readonly day: { rise: number | null; set: number | null } = $derived.by(() => {
    const { sunrise, sunset } = getTimes(new Date(this.time), this.place[1], this.place[0]);
    return { rise: sunrise?.getTime() ?? null, set: sunset?.getTime() ?? null };
  });

  readonly scene: Scene = $derived({ exaggeration: this.terrain ? 1.5 : null, relief: this.relief, sun: this.sun });
}
