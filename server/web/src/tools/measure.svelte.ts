// Measuring: a distance, an area, or the ground's heights along a line.
import type { Feature, LineString, Polygon, Position } from 'geojson';
import type { App } from '../app/app.svelte';
import { along, geometryOf, metresOf, perimeterOf, squareMetresOf } from '../geo/shape';
import { heightsOf } from '../geo/terrain';
import { elevationOf } from '../map/style/scene';
import { cancelSketch, inTheMaking, mark } from './features';

export type MeasureKind = 'distance' | 'area' | 'profile';

/** Places along a profile. */
const PROFILE_PLACES = 160;

export interface Profile {
  /** Metres from the start, and of height; null where the ground is not known. */
  points: [number, number | null][];
}

export class MeasureTool {
  kind = $state<MeasureKind>('distance');
  profile = $state.raw<Profile | null>(null);
  failure = $state<string | null>(null);
  corners = $state.raw<Position[]>([]);
  private finished = $state.raw<LineString | Polygon | null>(null);
  private stop: (() => void) | null = null;

  constructor(private readonly app: App) {}

  private readonly sketchKind = $derived(this.kind === 'area' ? ('polygon' as const) : ('line' as const));
  private readonly shape: LineString | Polygon | null = $derived.by(() => {
    if (this.corners.length === 0) return this.finished;
    return geometryOf(this.sketchKind, this.corners) as LineString | Polygon | null;
  });

  /** Metres along the line, or around the area. */
  readonly metres: number | null = $derived(this.shape === null ? null : this.shape.type === 'LineString' ? metresOf(this.shape) : perimeterOf(this.shape));
  readonly squareMetres: number | null = $derived(this.shape?.type === 'Polygon' ? squareMetresOf(this.shape) : null);
  readonly hasTerrain: boolean = $derived.by(() => elevationOf(this.app.layers) !== undefined);

  readonly features: Feature[] = $derived.by(() => {
    if (this.corners.length > 0) return inTheMaking(this.sketchKind, this.corners, 'measure');
    return this.finished ? [mark('measure', this.finished)] : [];
  });

  start(): void {
    this.stop?.();
    this.stop = this.app.map?.draw(this.sketchKind, {
      change: (corners) => {
        this.corners = corners;
        if (corners.length === 1) this.profile = this.finished = null;
      },
      done: (corners) => {
        this.corners = [];
        this.finished = geometryOf(this.sketchKind, corners) as LineString | Polygon | null;
        if (this.kind === 'profile' && this.finished?.type === 'LineString') void this.readHeights(this.finished);
      },
      cancel: () => cancelSketch(this, this.app),
    }) ?? null;
  }

  choose(kind: MeasureKind): void {
    this.kind = kind;
    this.clear();
    this.start();
  }

  clear(): void {
    this.corners = [];
    this.finished = this.profile = null;
    this.failure = null;
  }

  leave(): void {
    this.stop?.();
    this.stop = null;
    this.clear();
  }

  private async readHeights(line: LineString): Promise<void> {
    const elevation = elevationOf(this.app.layers);
    if (!elevation) return;
    this.failure = null;
    const places = along(line.coordinates, PROFILE_PLACES);
    const total = metresOf(line);
    try {
      const heights = await heightsOf(elevation.id, elevation.document.revision, places);
      this.profile = { points: heights.map((height, i) => [(total * i) / (PROFILE_PLACES - 1), height]) };
    } catch (cause) {
      this.failure = String(cause);
    }
  }
}
