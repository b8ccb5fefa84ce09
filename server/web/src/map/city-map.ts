// The map: it shows a style, live items and a chosen item, and reports the camera, the cursor and
// clicks. It knows nothing of panels, languages' texts or the server's messages.
import 'maplibre-gl/dist/maplibre-gl.css';
import type { Feature, FeatureCollection, Point } from 'geojson';
import { type ErrorEvent, GeoJSONSource, LngLatBounds, Map as MapLibre, Marker, type PaddingOptions, prewarm, setWorkerUrl, VectorTileSource } from 'maplibre-gl';
import workerUrl from 'maplibre-gl/dist/maplibre-gl-worker.mjs?url';
import { tilesAddress } from '../api/address';
import type { CityDocument, Item } from '../api/types';
import type { SketchKind } from '../geo/shape';
import { drawnHeight } from '../layers/roles';
import { boundsOf, type LiveItem } from '../live/item';
import type { Sign } from '../live/kinds';
import { drawing } from './hardware';
import { addImages } from './images';
import { namePoints, polygonsOf } from './labels';
import { pick, type Hit } from './pick';
import { labelSourceOf, LABEL_ZOOMS } from './style/areas';
import { Sketcher, type SketchListener } from './sketcher';
import { nearest, shadowsOf } from './shadows';
import { buildStyle, type StyleInput } from './style/build';
import { RAISED_ZOOM } from './style/buildings';
import { HIGHLIGHT_SOURCE } from './style/highlight';
import { LIVE_SOURCE } from './style/live';
import { SHADOWS_SOURCE, type Sun } from './style/scene';
import { SKETCH_SOURCE } from './style/sketch';
import { StandingBuildings } from './tiles3d/standing';
import type { View } from './view';

// The worker is a file of its own beside the page: no script is put together at run time.
setWorkerUrl(workerUrl);
// Its threads start while the city's document is still on its way.
prewarm();

const TILT_DEGREES = 58;
const PITCH_MAX = 72;
const ZOOM_MAX = 20.5;
/** How close the camera goes to show one item. */
const ITEM_ZOOM = 16;
/** Milliseconds of quiet after which the names of areas are put together again. */
const LABEL_DELAY_MS = 220;
/** Milliseconds that a new severe event's ring spreads, and most rings at once. */
const RING_MS = 4_000;
const RINGS_MAX = 12;

export interface CityMapEvents {
  view(view: View): void;
  cursor(position: [number, number] | null): void;
  pick(hits: Hit[]): void;
  error(message: string): void;
}

const nothing = (): FeatureCollection => ({ type: 'FeatureCollection', features: [] });

export class CityMap {
  readonly map: MapLibre;
  /** Buildings in three dimensions. */
  readonly standing: StandingBuildings;
  private liveDrawn = new Set<string>();
  private sketcher: Sketcher | null = null;
  private sun: Sun | null = null;
  private shadowTimer: ReturnType<typeof setTimeout> | undefined;
  /** Sources of which a tile could not be fetched. */
  private readonly broken = new Set<string>();
  private rings = 0;
  private labelTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly still = window.matchMedia('(prefers-reduced-motion: reduce)');

  constructor(
    container: HTMLElement,
    private input: StyleInput,
    private city: CityDocument,
    start: View | null,
    private readonly events: CityMapEvents,
  ) {
    const by = drawing();
    if (by === 'none') throw new Error('WebGL 2 is not available');
    this.map = new MapLibre({
      container,
      style: buildStyle(input),
      ...(start
        ? { center: [start.longitude, start.latitude], zoom: start.zoom, bearing: start.bearing, pitch: start.pitch }
        : this.homeCamera()),
      attributionControl: false,
      maxPitch: PITCH_MAX,
      maxZoom: ZOOM_MAX,
      fadeDuration: 200,
      canvasContextAttributes: { antialias: by === 'hardware' },
    });
    this.standing = new StandingBuildings(this.map, input);
    this.map.on('error', (event: ErrorEvent & { sourceId?: string }) => {
      if (event.sourceId !== undefined) this.broken.add(event.sourceId);
      events.error(event.error.message);
    });
    this.map.on('style.load', () => addImages(this.map));
    this.map.on('move', () => events.view(this.view()));
    this.map.on('mousemove', ({ lngLat }) => events.cursor([lngLat.lng, lngLat.lat]));
    this.map.on('mouseout', () => events.cursor(null));
    this.map.on('click', ({ point }) => {
      if (!this.sketcher) events.pick(pick(this.map, point, this.input.layers, this.standing.pick(point)));
    });
    this.map.on('moveend', () => {
      this.nameAreasSoon();
      this.shadowsSoon();
    });
    this.map.on('idle', () => {
      if (this.sun && this.shadowsOf !== this.map.getZoom().toFixed(2) + String(this.map.getCenter())) this.shadowsSoon();
    });
    this.map.on('sourcedata', ({ sourceId }) => {
      if (this.input.layers.some((layer) => layer.id === sourceId && layer.role.kind === 'area')) this.nameAreasSoon();
    });
    this.map.getCanvas().addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && !this.sketcher) this.pickCentre();
    });
  }

  remove(): void {
    clearTimeout(this.labelTimer);
    clearTimeout(this.shadowTimer);
    this.sketcher?.stop();
    this.map.remove();
  }

  /** Shows another theme, language, city document or choice of layers. */
  update(input: StyleInput, city: CityDocument): void {
    this.input = input;
    this.city = city;
    this.map.setStyle(buildStyle(input), {
      diff: true,
      transformStyle: (previous, next) => {
        // What is drawn from the page's own data stays as it is, and tiles until there are new ones.
        for (const [id, source] of Object.entries(next.sources)) {
          const known = previous?.sources[id];
          if (!known) continue;
          if (source.type === 'geojson') next.sources[id] = known;
          if (source.type === 'vector' && known.type === 'vector' && known.tiles) source.tiles = known.tiles;
        }
        return next;
      },
    });
    // Layers that have changed are laid out anew from the tiles that are there; new tiles come after.
    this.map.once('render', () => this.renewTiles());
    this.map.triggerRepaint();
    this.standing.update(input);
    this.nameAreasSoon();
  }

  /** Asks for new tiles in place, so that the old ones stay until the new ones are there. */
  private renewTiles(): void {
    const { layers, revisionOf, presentationOf, asOf } = this.input;
    for (const layer of layers) {
      const source = this.map.getSource(layer.id);
      const address = tilesAddress(layer.id, revisionOf(layer), presentationOf(layer).filter, asOf(layer));
      if (source instanceof VectorTileSource && source.tiles?.[0] !== address) source.setTiles([address]);
    }
  }

  /** Asks again for what failed while the server was away. */
  mend(): void {
    for (const id of this.broken) if (this.map.getSource(id)) this.map.refreshTiles(id);
    this.broken.clear();
  }

  /** Draws live items: those with the given keys anew, or all of them. */
  showLive(items: ReadonlyMap<string, LiveItem>, touched: ReadonlySet<string> | null, signOf: (collection: string) => Sign): void {
    const source = this.map.getSource(LIVE_SOURCE);
    const featureOf = (item: LiveItem): Feature<Point> | null => {
      const sign = signOf(item.collection);
      if (!item.point || sign === null) return null;
      return {
        type: 'Feature',
        geometry: { type: 'Point', coordinates: item.point },
        properties: {
          key: item.key,
          collection: item.collection,
          id: item.id,
          title: item.title,
          level: item.level,
          sign,
          heading: item.heading,
          // Drawn last and on top: level 1.
          severity: item.level === 0 ? 5 : item.level,
        },
      };
    };
    if (!(source instanceof GeoJSONSource) || touched === null) {
      const features = [...items.values()].map(featureOf).filter((feature) => feature !== null);
      this.liveDrawn = new Set(features.map(({ properties }) => properties!['key'] as string));
      return this.show(LIVE_SOURCE, { type: 'FeatureCollection', features });
    }
    const add: Feature<Point>[] = [];
    const remove: string[] = [];
    for (const key of touched) {
      const item = items.get(key);
      const feature = item ? featureOf(item) : null;
      if (feature) {
        add.push(feature);
        this.liveDrawn.add(key);
      } else if (this.liveDrawn.delete(key)) remove.push(key);
    }
    if (add.length > 0 || remove.length > 0) void source.updateData({ add, remove });
  }

  /** Draws what is being drawn, measured, selected and noted. */
  sketch(features: Feature[]): void {
    this.show(SKETCH_SOURCE, { type: 'FeatureCollection', features });
  }

  /** Asks a person for a shape on the map; returns what ends the asking. */
  draw(kind: SketchKind, listener: SketchListener): () => void {
    this.sketcher?.stop();
    const sketcher = new Sketcher(this.map, kind, listener);
    this.sketcher = sketcher;
    return () => {
      sketcher.stop();
      if (this.sketcher === sketcher) this.sketcher = null;
    };
  }

  /** Draws the shadows of the buildings in sight, or none. */
  castShadows(sun: Sun | null): void {
    this.sun = sun;
    this.shadowsSoon();
  }

  /** A picture of the map as it stands, in the screen's own pixels. */
  async picture(): Promise<HTMLCanvasElement> {
    await new Promise((done) => {
      if (this.map.loaded()) done(null);
      else this.map.once('idle', done);
    });
    return new Promise((done) => {
      this.map.once('render', () => {
        const from = this.map.getCanvas();
        const copy = document.createElement('canvas');
        copy.width = from.width;
        copy.height = from.height;
        copy.getContext('2d')?.drawImage(from, 0, 0);
        done(copy);
      });
      this.map.triggerRepaint();
    });
  }

  /** Draws the eye to a place where something severe has just happened. */
  ring(point: [number, number], level: number): void {
    if (this.still.matches || this.rings >= RINGS_MAX) return;
    const element = document.createElement('div');
    element.className = `ring ring-${level}`;
    const marker = new Marker({ element }).setLngLat(point).addTo(this.map);
    this.rings += 1;
    setTimeout(() => {
      marker.remove();
      this.rings -= 1;
    }, RING_MS);
  }

  /** Outlines an item of a collection; `height` in metres raises it like its building. */
  highlight(collection: string, item: Item | null, height: number | null): void {
    const stands = this.standing.highlight(item && { collection, id: String(item.id) });
    const features: Feature[] = item?.geometry
      ? [{ type: 'Feature', geometry: item.geometry, properties: height === null || stands ? {} : { height } }]
      : [];
    this.show(HIGHLIGHT_SOURCE, { type: 'FeatureCollection', features });
  }

  flyTo(item: Item): void {
    const bounds = item.geometry && boundsOf(item.geometry);
    if (bounds) this.flyToBounds(bounds);
  }

  flyToPoint(point: [number, number]): void {
    this.flyToBounds([...point, ...point]);
  }

  home(): void {
    const camera = this.homeCamera();
    if ('bounds' in camera) this.map.fitBounds(camera.bounds, { ...camera.fitBoundsOptions, pitch: 0, bearing: 0, animate: !this.still.matches });
    else this.move({ ...camera, bearing: 0, pitch: this.map.getPitch() });
  }

  tilt(): void {
    this.ease({ pitch: this.view().pitch > 5 ? 0 : TILT_DEGREES });
  }

  north(): void {
    this.ease({ bearing: 0 });
  }

  zoomBy(steps: number): void {
    this.ease({ zoom: this.map.getZoom() + steps });
  }

  go(view: View): void {
    this.map.jumpTo({ center: [view.longitude, view.latitude], zoom: view.zoom, bearing: view.bearing, pitch: view.pitch });
  }

  view(): View {
    const { lng, lat } = this.map.getCenter();
    return { zoom: this.map.getZoom(), latitude: lat, longitude: lng, bearing: this.map.getBearing(), pitch: this.map.getPitch() };
  }

  setLabel(label: string): void {
    this.map.getCanvas().setAttribute('aria-label', label);
  }

  private homeCamera(): { center: [number, number]; zoom: number } | { bounds: LngLatBounds; fitBoundsOptions: { padding: PaddingOptions } } {
    const { home, extent } = this.city;
    if (home) return { center: [home.longitude, home.latitude], zoom: home.zoom };
    // Where the buildings are is the city; its roads may run on for miles.
    const buildings = this.input.layers.find(({ role, document }) => role.kind === 'buildings' && document.extent !== null);
    const bounds = buildings?.document.extent ?? extent;
    if (bounds) return { bounds: new LngLatBounds(bounds), fitBoundsOptions: { padding: this.clearing() } };
    return { center: [105, 35], zoom: 3 };
  }

  /** What the panels leave free of the map, as padding in pixels. */
  private clearing(): PaddingOptions {
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const wide = window.innerWidth > 60 * rem;
    return { top: 4 * rem, bottom: 3 * rem, left: (wide ? 19 : 1) * rem, right: (wide ? 22 : 1) * rem };
  }

  private flyToBounds([west, south, east, north]: [number, number, number, number]): void {
    const camera = this.map.cameraForBounds([[west, south], [east, north]], { padding: 120, maxZoom: Math.max(ITEM_ZOOM, this.map.getZoom()) });
    const center: [number, number] = [(west + east) / 2, (south + north) / 2];
    this.move({ center, zoom: Math.min(camera?.zoom ?? ITEM_ZOOM, Math.max(ITEM_ZOOM, this.map.getZoom())) });
  }

  private move(camera: { center: [number, number]; zoom: number; bearing?: number; pitch?: number }): void {
    if (this.still.matches) this.map.jumpTo(camera);
    else this.map.flyTo({ ...camera, maxDuration: 2_400, essential: true });
  }

  private ease(camera: { zoom?: number; pitch?: number; bearing?: number }): void {
    this.map.easeTo({ ...camera, duration: this.still.matches ? 0 : 600 });
  }

  private pickCentre(): void {
    const { clientWidth, clientHeight } = this.map.getCanvas();
    const point = { x: clientWidth / 2, y: clientHeight / 2 };
    this.events.pick(pick(this.map, point, this.input.layers, this.standing.pick(point)));
  }

  private show(id: string, data: FeatureCollection): void {
    const source = this.map.getSource(id);
    if (source instanceof GeoJSONSource) void source.setData(data);
  }

  private shadowsOf = '';

  private shadowsSoon(): void {
    clearTimeout(this.shadowTimer);
    this.shadowTimer = setTimeout(() => this.drawShadows(), LABEL_DELAY_MS);
  }

  private drawShadows(): void {
    const layer = this.input.layers.find(({ role, id }) => role.kind === 'buildings' && !this.input.hidden.has(id));
    const { sun } = this;
    if (!sun || sun.altitude <= 0 || !layer || this.map.getZoom() < RAISED_ZOOM || !this.map.getSource(layer.id)) {
      if (this.shadowsOf !== '') this.show(SHADOWS_SOURCE, nothing());
      this.shadowsOf = '';
      return;
    }
    const houses = this.map.querySourceFeatures(layer.id, { sourceLayer: layer.id }).flatMap((feature) =>
      polygonsOf(feature.geometry as { type: string; coordinates?: unknown }).map((rings) => ({
        id: feature.id, ring: rings[0] ?? [], height: drawnHeight(layer.role, feature.properties) ?? 0,
      })));
    this.show(SHADOWS_SOURCE, shadowsOf(nearest(houses, this.map.getCenter().toArray()), sun));
    this.shadowsOf = this.map.getZoom().toFixed(2) + String(this.map.getCenter());
  }

  private nameAreasSoon(): void {
    clearTimeout(this.labelTimer);
    this.labelTimer = setTimeout(() => this.nameAreas(), LABEL_DELAY_MS);
  }

  private nameAreas(): void {
    const zoom = this.map.getZoom();
    for (const { id, role } of this.input.layers) {
      if (role.kind !== 'area' || !this.map.getSource(id)) continue;
      const [from, to] = LABEL_ZOOMS[role.rank];
      if (zoom < from - 0.5 || zoom > to + 0.5) continue;
      const pieces = this.map.querySourceFeatures(id, { sourceLayer: id }).map((feature) => ({
        id: feature.id,
        name: String((feature.properties as Record<string, unknown>)[role.nameField] ?? ''),
        polygons: polygonsOf(feature.geometry as { type: string; coordinates?: unknown }),
      }));
      this.show(labelSourceOf(id), pieces.length === 0 ? nothing() : namePoints(pieces));
    }
  }
}
