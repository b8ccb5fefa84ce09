// The tools over the map, one of which may be open.
import type { Feature } from 'geojson';
import type { App } from '../app/app.svelte';
import { CompareTool } from './compare.svelte';
import { EditTool } from './edit.svelte';
import { MeasureTool } from './measure.svelte';
import { NotesTool } from './notes.svelte';
import { SceneTool } from './scene.svelte';
import { SelectTool } from './select.svelte';
import { TimeTool } from './time.svelte';

export const TOOLS = ['select', 'measure', 'edit', 'notes', 'time', 'compare', 'scene', 'share', 'print'] as const;
export type ToolId = (typeof TOOLS)[number];

export class Tools {
  active = $state<ToolId | null>(null);
  readonly select: SelectTool;
  readonly measure: MeasureTool;
  readonly edit: EditTool;
  readonly notes: NotesTool;
  readonly time: TimeTool;
  readonly compare: CompareTool;
  readonly scene: SceneTool;

  constructor(app: App) {
    this.select = new SelectTool(app);
    this.measure = new MeasureTool(app);
    this.edit = new EditTool(app);
    this.notes = new NotesTool(app);
    this.time = new TimeTool(app);
    this.compare = new CompareTool(app);
    this.scene = new SceneTool(app);
  }

  /** What all of them have on the map. */
  get features(): Feature[] {
    return [...this.select.features, ...this.measure.features, ...this.edit.features, ...this.notes.features];
  }

  /** Opens a tool and leaves the one before; null leaves it open to none. */
  open(id: ToolId | null): void {
    const before = this.active;
    this.active = id;
    if (before === 'select') this.select.leave();
    if (before === 'measure') this.measure.leave();
    if (before === 'edit') this.edit.leave();
    if (before === 'notes') this.notes.leave();
    if (before === 'time') this.time.leave();
    if (before === 'compare') this.compare.leave();
    if (id === 'select') this.select.start();
    if (id === 'measure') this.measure.start();
    if (id === 'notes') this.notes.start();
    if (id === 'time') this.time.open();
    if (id === 'compare') this.compare.open();
  }

  toggle(id: ToolId): void {
    this.open(this.active === id ? null : id);
  }
}
