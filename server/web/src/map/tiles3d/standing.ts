// Which building layers stand on the map as 3D Tiles, and their layers once they do. What draws them
// is fetched when the camera first comes near enough, so that a flat map does not wait for it.
import type { Map as MapLibre } from 'maplibre-gl';
import { tilesetAddress } from '../../api/address';
import type { Hit } from '../pick';
import { palettes } from '../palette';
import type { StyleInput } from '../style/build';
import { RAISED_ZOOM, standsAsTiles } from '../style/buildings';
import type { BuildingsLayer, Looks } from './layer';

/** What is drawn over buildings begins here. */
const BELOW = 'highlight:fill';
/** Zoom levels before buildings stand up at which their drawing is fetched. */
const AHEAD = 0.5;

const layerId = (collection: string): string => `${collection}:standing`;

export class StandingBuildings {
  private readonly layers = new Map<string, { layer: BuildingsLayer; address: string }>();
  private drawing: typeof import('./layer') | null = null;
  private asked = false;
  private chosen: { collection: string; id: string } | null = null;

  constructor(private readonly map: MapLibre, private input: StyleInput) {
    map.on('style.load', () => this.draw());
    map.on('zoom', () => this.fetchDrawing());
    this.fetchDrawing();
  }

  /** Follows a new style of the map, once the map has it. */
  update(input: StyleInput): void {
    this.input = input;
    this.draw();
  }

  /** The building at a point of the screen. */
  pick(point: { x: number; y: number }): Hit | null {
    if (this.map.getZoom() < RAISED_ZOOM) return null;
    for (const [collection, { layer }] of this.layers) {
      const id = layer.pick(point);
      if (id !== null) return { collection, id, name: '' };
    }
    return null;
  }

  /** Draws a building in light; false if it does not stand on the map. */
  highlight(chosen: { collection: string; id: string } | null): boolean {
    this.chosen = chosen;
    for (const [collection, { layer }] of this.layers) layer.highlight(chosen?.collection === collection ? chosen.id : null);
    return chosen !== null && this.layers.has(chosen.collection) && this.map.getZoom() >= RAISED_ZOOM;
  }

  /** Whether every building in sight stands. */
  get isLoaded(): boolean {
    if (this.map.getZoom() < RAISED_ZOOM) return true;
    return [...this.layers.values()].every(({ layer }) => layer.isLoaded) && (this.drawing !== null || this.candidates().length === 0);
  }

  private candidates(): StyleInput['layers'] {
    return this.input.layers.filter((layer) => standsAsTiles(layer, this.input));
  }

  private fetchDrawing(): void {
    if (this.asked || this.map.getZoom() < RAISED_ZOOM - AHEAD || this.candidates().length === 0) return;
    this.asked = true;
    import('./layer').then(
      (drawing) => {
        this.drawing = drawing;
        this.draw();
      },
      (cause: unknown) => {
        console.warn(String(cause));
        this.asked = false;
      },
    );
  }

  private draw(): void {
    this.fetchDrawing();
    // Before the style is there nothing can be added to it; then this is called again.
    if (!this.drawing || !this.map.getLayer(BELOW)) return;
    const wanted = new Map(this.candidates().map((layer) => [layer.id, tilesetAddress(layer.id, this.input.revisionOf(layer))]));
    for (const [collection, { address }] of this.layers) {
      if (wanted.get(collection) === address && this.map.getLayer(layerId(collection))) continue;
      if (this.map.getLayer(layerId(collection))) this.map.removeLayer(layerId(collection));
      this.layers.delete(collection);
    }
    for (const [collection, address] of wanted) {
      const known = this.layers.get(collection);
      if (known) known.layer.show(this.looksOf(collection));
      else this.add(collection, address);
    }
    this.highlight(this.chosen);
  }

  private add(collection: string, address: string): void {
    const layer = new this.drawing!.BuildingsLayer(layerId(collection), address, this.looksOf(collection));
    this.layers.set(collection, { layer, address });
    this.map.addLayer(layer, BELOW);
  }

  private looksOf(collection: string): Looks {
    const { theme, scene, hidden, layers, presentationOf } = this.input;
    const { buildingRamp, highlightFill } = palettes[theme];
    const layer = layers.find(({ id }) => id === collection);
    return {
      ramp: buildingRamp, light: highlightFill, theme, sun: scene.sun, exaggeration: scene.exaggeration,
      opacity: layer ? presentationOf(layer).opacity : 1,
      visible: !hidden.has(collection),
    };
  }
}
