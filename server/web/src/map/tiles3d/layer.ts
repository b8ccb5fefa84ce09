// Buildings as 3D Tiles on the map: 3d-tiles-renderer chooses and fetches the tiles, three.js draws
// them into the map's own picture. This file and what it needs is fetched when the first building
// stands up.
import { ImplicitTilingPlugin } from '3d-tiles-renderer/core/plugins';
import { TilesRenderer, WGS84_ELLIPSOID } from '3d-tiles-renderer/three';
import { GLTFExtensionsPlugin } from '3d-tiles-renderer/three/plugins';
import { type CustomLayerInterface, type CustomRenderMethodInput, type Map as MapLibre, type MapSourceDataEvent, MercatorCoordinate } from 'maplibre-gl';
import {
  AmbientLight, Camera, ColorManagement, DirectionalLight, DoubleSide, LinearSRGBColorSpace, Matrix4, MeshLambertMaterial, type Object3D,
  PerspectiveCamera, Raycaster, Scene, Vector3, Vector4, WebGLRenderer,
} from 'three';
import { MeshoptDecoder } from 'three/addons/libs/meshopt_decoder.module.js';
import { RAISED_ZOOM } from '../style/buildings';
import { type Sun, TERRAIN_SOURCE } from '../style/scene';
import { BuildingTile, mapFromMetres, type Ramp } from './building-tile';

/** A tile is refined while it errs by more than so many pixels. */
const ERROR_PIXELS = 12;
/** Bytes of tiles that are kept. */
const CACHE_BYTES_MAX = 384 << 20;
/** From how near and how far tiles are chosen, metres from the camera. */
const [NEAR_M, FAR_M] = [1, 400_000];
/** Milliseconds after which buildings follow the ground. */
const GROUND_DELAY_MS = 250;

/** The share of their height that buildings first have, and the zoom levels until they have all. */
const [RISE_LEAST, RISE_ZOOMS] = [0.2, 0.7];

/** How buildings look. */
export interface Looks {
  ramp: Ramp;
  /** The colour of the chosen building. */
  light: string;
  theme: 'dark' | 'light';
  /** 0 to 1. */
  opacity: number;
  sun: Sun | null;
  visible: boolean;
  /** How many times its height the ground rises; null for a flat one. */
  exaggeration: number | null;
}

// The map's colours are drawn as they are written.
ColorManagement.enabled = false;

export class BuildingsLayer implements CustomLayerInterface {
  readonly type = 'custom';
  readonly renderingMode = '3d';
  private map: MapLibre | null = null;
  private renderer: WebGLRenderer | null = null;
  private tiles: TilesRenderer | null = null;
  private readonly shown = new Map<Object3D, BuildingTile>();
  private readonly scene = new Scene();
  private readonly ambient = new AmbientLight();
  private readonly lamp = new DirectionalLight();
  /** What draws: the map's own matrix. */
  private readonly eye = new Camera();
  /** What chooses tiles: the same camera on the globe. */
  private readonly chooser = new PerspectiveCamera();
  private readonly material = new MeshLambertMaterial({ vertexColors: true, flatShading: true, side: DoubleSide });
  private chosen: string | null = null;
  private standing: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly id: string, private readonly address: string, private looks: Looks) {
    this.scene.add(this.ambient, this.lamp, this.lamp.target);
    this.scene.matrixWorldAutoUpdate = true;
    this.eye.matrixAutoUpdate = false;
  }

  onAdd(map: MapLibre, gl: WebGL2RenderingContext): void {
    this.map = map;
    this.renderer = new WebGLRenderer({ canvas: map.getCanvas(), context: gl });
    this.renderer.autoClear = false;
    this.renderer.outputColorSpace = LinearSRGBColorSpace;
    const tiles = new TilesRenderer(this.address);
    tiles.errorTarget = ERROR_PIXELS;
    // What is there is shown at once; until then the outlines on the ground stand for it.
    tiles.loadAncestors = false;
    tiles.lruCache.maxBytesSize = CACHE_BYTES_MAX;
    tiles.registerPlugin(new ImplicitTilingPlugin());
    tiles.registerPlugin(new GLTFExtensionsPlugin({ meshoptDecoder: MeshoptDecoder, autoDispose: false }));
    tiles.setCamera(this.chooser);
    const again = (): void => map.triggerRepaint();
    for (const event of ['needs-update', 'load-model', 'load-tileset']) tiles.addEventListener(event, again);
    tiles.addEventListener('load-error', ({ url, error }: { url: string | URL | null; error: Error }) => console.warn(`${String(url)}: ${error.message}`));
    tiles.addEventListener('load-model', ({ scene, tile }: { scene: Object3D; tile: { refine: string } }) => {
      // Block masses are for who sees the city from afar without its outlines.
      if (tile.refine === 'ADD') this.take(scene);
    });
    tiles.addEventListener('dispose-model', ({ scene }: { scene: Object3D }) => this.drop(scene));
    tiles.addEventListener('tile-visibility-change', ({ scene, visible }: { scene: Object3D | null; visible: boolean }) => {
      const tile = scene && this.shown.get(scene);
      if (!tile) return;
      if (visible) this.scene.add(tile.mesh);
      else this.scene.remove(tile.mesh);
    });
    map.on('sourcedata', this.followGround);
    this.tiles = tiles;
    this.dress();
  }

  onRemove(): void {
    clearTimeout(this.standing);
    this.map?.off('sourcedata', this.followGround);
    this.tiles?.dispose();
    for (const tile of this.shown.values()) tile.dispose();
    this.shown.clear();
    this.material.dispose();
    this.renderer = this.tiles = this.map = null;
  }

  /** Shows another theme, hour, opacity or ground. */
  show(looks: Looks): void {
    const { looks: before } = this;
    this.looks = looks;
    this.dress();
    for (const tile of this.shown.values()) {
      if (before.ramp !== looks.ramp) this.paint(tile);
      if (before.exaggeration !== looks.exaggeration) this.stand(tile);
    }
    this.map?.triggerRepaint();
  }

  /** Draws one building in light, or none. */
  highlight(id: string | null): void {
    if (id === this.chosen) return;
    this.chosen = id;
    for (const tile of this.shown.values()) this.paint(tile);
    this.map?.triggerRepaint();
  }

  /** The id of the building at a point of the screen, in CSS pixels; null where there is none. */
  pick({ x, y }: { x: number; y: number }): string | null {
    if (!this.map || !this.looks.visible) return null;
    const { clientWidth, clientHeight } = this.map.getCanvas();
    const screen = [(2 * x) / clientWidth - 1, 1 - (2 * y) / clientHeight] as const;
    const back = new Matrix4().copy(this.eye.projectionMatrix).invert();
    const near = new Vector3(...screen, -1).applyMatrix4(back);
    const ray = new Raycaster(near, new Vector3(...screen, 1).applyMatrix4(back).sub(near).normalize());
    for (const { object, face } of ray.intersectObjects(this.scene.children, false)) {
      const id = face ? (object.userData['tile'] as BuildingTile | undefined)?.idOf(face.a) : undefined;
      if (id) return id;
    }
    return null;
  }

  /** Whether all that is in sight is there. */
  get isLoaded(): boolean {
    const { tiles } = this;
    return !this.looks.visible || (tiles !== null && tiles.root !== null && tiles.loadProgress === 1 && this.scene.children.length > 3);
  }

  render(_: unknown, { defaultProjectionData, fov }: CustomRenderMethodInput): void {
    const { map, renderer, tiles } = this;
    if (!map || !renderer || !tiles || !this.looks.visible || map.getZoom() < RAISED_ZOOM) return;
    const anchor = MercatorCoordinate.fromLngLat(map.getCenter());
    const metre = anchor.meterInMercatorCoordinateUnits();
    this.eye.projectionMatrix.fromArray(defaultProjectionData.mainMatrix).multiply(mapFromMetres(anchor, metre));
    this.eye.projectionMatrixInverse.copy(this.eye.projectionMatrix).invert();
    // All that the camera sees meets in its eye, so it is where a projection has no depth and no place.
    const eye = new Vector4(0, 0, 1, 0).applyMatrix4(this.eye.projectionMatrixInverse);
    this.aim(map, new Vector3(eye.x, eye.y, eye.z).divideScalar(eye.w), fov);
    const { clientWidth, clientHeight } = map.getCanvas();
    tiles.setResolution(this.chooser, clientWidth, clientHeight);
    tiles.update();
    for (const tile of this.shown.values()) tile.place(anchor, metre, this.rise(map.getZoom()));
    renderer.resetState();
    renderer.render(this.scene, this.eye);
    renderer.resetState();
  }

  /** Buildings grow out of the ground as the camera comes near, where that is flat. */
  private rise(zoom: number): number {
    if (this.looks.exaggeration !== null) return 1;
    return Math.min(1, RISE_LEAST + ((1 - RISE_LEAST) * (zoom - RAISED_ZOOM)) / RISE_ZOOMS);
  }

  /** Puts the choosing camera where the map's is, `eye` being its place in metres around the map's middle. */
  private aim(map: MapLibre, eye: Vector3, fov: number): void {
    const { chooser } = this;
    const { lng, lat } = map.getCenter();
    const [pitch, bearing] = [map.getPitch(), map.getBearing()].map((degrees) => (degrees * Math.PI) / 180) as [number, number];
    const along = new Vector3(Math.sin(bearing), Math.cos(bearing), 0);
    chooser.position.copy(eye);
    chooser.up.copy(along).multiplyScalar(Math.cos(pitch)).setZ(Math.sin(pitch));
    chooser.lookAt(along.multiplyScalar(Math.sin(pitch)).setZ(-Math.cos(pitch)).add(eye));
    chooser.updateMatrix();
    WGS84_ELLIPSOID.getEastNorthUpFrame((lat * Math.PI) / 180, (lng * Math.PI) / 180, 0, chooser.matrixWorld);
    chooser.matrixWorld.multiply(chooser.matrix);
    chooser.matrixWorldInverse.copy(chooser.matrixWorld).invert();
    const { clientWidth, clientHeight } = map.getCanvas();
    chooser.fov = (fov * 180) / Math.PI;
    chooser.aspect = clientWidth / clientHeight;
    [chooser.near, chooser.far] = [NEAR_M, FAR_M];
    chooser.updateProjectionMatrix();
  }

  /** The ground itself comes in tiles; what stands on it follows. */
  private readonly followGround = ({ sourceId, tile }: MapSourceDataEvent): void => {
    if (sourceId !== TERRAIN_SOURCE || !tile || this.looks.exaggeration === null) return;
    clearTimeout(this.standing);
    this.standing = setTimeout(() => {
      for (const one of this.shown.values()) this.stand(one);
      this.map?.triggerRepaint();
    }, GROUND_DELAY_MS);
  };

  private take(model: Object3D): void {
    const tile = BuildingTile.from(model, this.material);
    if (!tile) return;
    this.shown.set(model, tile);
    this.paint(tile);
    if (this.looks.exaggeration !== null) this.stand(tile);
  }

  private drop(model: Object3D): void {
    const tile = this.shown.get(model);
    if (!tile) return;
    this.scene.remove(tile.mesh);
    tile.dispose();
    this.shown.delete(model);
  }

  private paint(tile: BuildingTile): void {
    tile.paint(this.looks.ramp, this.chosen, this.looks.light);
  }

  private stand(tile: BuildingTile): void {
    const { map, looks } = this;
    tile.stand(looks.exaggeration === null || !map ? null : (place) => map.queryTerrainElevation(place) ?? 0);
  }

  private dress(): void {
    const { sun, theme, opacity } = this.looks;
    this.material.opacity = opacity;
    this.material.transparent = opacity < 1;
    // Without an hour the light comes from the south-west, as on a relief map.
    const [azimuth, altitude] = (sun ? [sun.azimuth, sun.altitude] : [215, 48]).map((degrees) => (degrees * Math.PI) / 180) as [number, number];
    this.lamp.position.set(Math.sin(azimuth) * Math.cos(altitude), Math.cos(azimuth) * Math.cos(altitude), Math.sin(altitude));
    const isNight = sun !== null && sun.altitude <= 0;
    // Low light is warm.
    this.lamp.color.set(sun && sun.altitude < 12 ? '#ffd9b0' : '#ffffff');
    // What three.js calls 1 is π times what a colour is.
    this.lamp.intensity = Math.PI * (isNight ? 0 : theme === 'dark' ? 0.5 : 0.42);
    this.ambient.intensity = Math.PI * (isNight ? 0.55 : theme === 'dark' ? 0.66 : 0.66);
  }
}
