// The buildings of one 3D tile, brought from the earth's centre (EPSG:4978) onto the map's plane:
// each building by its own place, so that it stands where its outline is drawn, whatever the tile's size.
import { BufferAttribute, BufferGeometry, Color, Matrix4, Mesh, type MeshLambertMaterial, type Object3D, Vector3 } from 'three';
import type { StructuralMetadata } from '3d-tiles-renderer/three/plugins';
import { WGS84_ELLIPSOID } from '3d-tiles-renderer/three';
import { MercatorCoordinate } from 'maplibre-gl';

/** A building is this much darker at its foot, and not at all from so many metres up. */
const FOOT_SHADE = 0.24;
const SHADE_METRES = 24;

/** Height in metres and colour, rising. */
export type Ramp = readonly (readonly [number, string])[];

interface Building {
  id: string;
  /** Metres above the ground; 0 where it is unknown. */
  height: number;
  /** Where it stands, longitude and latitude in degrees. */
  place: [number, number];
}

export class BuildingTile {
  readonly mesh: Mesh<BufferGeometry, MeshLambertMaterial>;
  /** The origin of the mesh's coordinates, which are metres east, north and up. */
  readonly origin: MercatorCoordinate;
  /** How large a metre is on the map at the origin. */
  readonly metre: number;
  private readonly buildings: readonly Building[];
  /** The building of each vertex. */
  private readonly owner: Uint32Array;
  private readonly aboveGround: Float32Array;

  /** Takes over the one primitive of a tile; null for a tile without buildings of their own. */
  static from(model: Object3D, material: MeshLambertMaterial): BuildingTile | null {
    model.updateMatrixWorld(true);
    let source: Mesh | undefined;
    model.traverse((part) => {
      if (part instanceof Mesh) source ??= part;
    });
    const owner = source?.geometry.getAttribute('_feature_id_0');
    const metadata = source?.userData['structuralMetadata'] as StructuralMetadata | undefined;
    return source && owner && metadata ? new BuildingTile(source, Uint32Array.from({ length: owner.count }, (_, i) => owner.getX(i)), metadata, material) : null;
  }

  private constructor(source: Mesh, owner: Uint32Array, metadata: StructuralMetadata, material: MeshLambertMaterial) {
    const positions = source.geometry.getAttribute('position');
    this.owner = owner;
    const vertex = new Vector3();
    const at = (i: number): Vector3 => vertex.fromBufferAttribute(positions, i).applyMatrix4(source.matrixWorld);
    const middle = placeOf(at(0));
    this.origin = MercatorCoordinate.fromLngLat([middle.longitude, middle.latitude]);
    this.metre = this.origin.meterInMercatorCoordinateUnits();

    const local = new Float32Array(positions.count * 3);
    const frames: (Frame | undefined)[] = [];
    for (let i = 0; i < positions.count; i += 1) {
      const place = at(i);
      const frame = (frames[owner[i]!] ??= new Frame(place, this.origin, this.metre));
      frame.write(place, local, 3 * i);
    }
    const [feet, tops] = [frames.map(() => Infinity), frames.map(() => -Infinity)];
    for (let i = 0; i < positions.count; i += 1) {
      const [row, z] = [owner[i]!, local[3 * i + 2]!];
      [feet[row], tops[row]] = [Math.min(feet[row]!, z), Math.max(tops[row]!, z)];
    }
    this.buildings = frames.map((frame, row) => {
      const { id, height } = metadata.getPropertyTableData([0], [row], [])[0] as { id: string; height: number | null };
      return { id, height: height !== null && height > 0 ? height : 0, place: frame!.degrees };
    });
    // A part that begins above the ground has its height from the ground, not from its foot.
    const grounds = this.buildings.map(({ height }, row) => Math.min(feet[row]!, height > 0 ? tops[row]! - height : feet[row]!));
    this.aboveGround = Float32Array.from({ length: positions.count }, (_, i) => local[3 * i + 2]! - grounds[owner[i]!]!);

    const geometry = new BufferGeometry();
    geometry.setIndex(source.geometry.getIndex());
    geometry.setAttribute('position', new BufferAttribute(local, 3));
    geometry.setAttribute('color', new BufferAttribute(new Float32Array(positions.count * 3), 3));
    this.mesh = new Mesh(geometry, material);
    this.mesh.matrixAutoUpdate = false;
    this.mesh.userData['tile'] = this;
    this.stand(null);
  }

  /** Puts every building on the ground: a flat one, or one whose height in metres at a place is given. */
  stand(groundOf: ((place: [number, number]) => number) | null): void {
    const positions = this.mesh.geometry.getAttribute('position') as BufferAttribute;
    const grounds = this.buildings.map(({ place }) => (groundOf ? groundOf(place) : 0));
    for (let i = 0; i < positions.count; i += 1) positions.setZ(i, grounds[this.owner[i]!]! + this.aboveGround[i]!);
    positions.needsUpdate = true;
    this.mesh.geometry.computeBoundingSphere();
  }

  /** Colours each building by its height, and the chosen one in light. */
  paint(ramp: Ramp, chosen: string | null, light: string): void {
    const colors = this.mesh.geometry.getAttribute('color') as BufferAttribute;
    const scale = ramp.map(([metres, color]) => [metres, new Color(color)] as const);
    const own = this.buildings.map(({ id, height }) => (id === chosen ? new Color(light) : colorAt(scale, height)));
    for (let i = 0; i < colors.count; i += 1) {
      const shade = 1 - FOOT_SHADE * Math.max(0, 1 - this.aboveGround[i]! / SHADE_METRES);
      const { r, g, b } = own[this.owner[i]!]!;
      colors.setXYZ(i, r * shade, g * shade, b * shade);
    }
    colors.needsUpdate = true;
  }

  /** Places the tile in a frame of metres around a point of the map; `rise` is the share of its height that it has. */
  place(anchor: MercatorCoordinate, metre: number, rise: number): void {
    const scale = this.metre / metre;
    this.mesh.matrix.makeScale(scale, scale, scale * rise).setPosition((this.origin.x - anchor.x) / metre, (anchor.y - this.origin.y) / metre, 0);
    this.mesh.matrixWorldNeedsUpdate = true;
  }

  /** The id of the building that a vertex belongs to. */
  idOf(vertex: number): string {
    return this.buildings[this.owner[vertex]!]?.id ?? '';
  }

  dispose(): void {
    this.mesh.geometry.dispose();
  }
}

interface Place {
  /** Degrees. */
  longitude: number;
  latitude: number;
  /** Ellipsoidal, metres. */
  height: number;
}

function placeOf(position: Vector3): Place {
  const { lat, lon, height } = WGS84_ELLIPSOID.getPositionToCartographic(position, {});
  return { longitude: (lon * 180) / Math.PI, latitude: (lat * 180) / Math.PI, height };
}

/** East, north and up at one place of a building: over a building's width the earth is flat. */
class Frame {
  private readonly place: Vector3;
  private readonly east = new Vector3();
  private readonly north = new Vector3();
  private readonly up = new Vector3();
  private readonly at: [number, number, number];
  private readonly scale: number;
  readonly degrees: [number, number];

  constructor(place: Vector3, origin: MercatorCoordinate, metre: number) {
    this.place = place.clone();
    const { longitude, latitude, height } = placeOf(place);
    this.degrees = [longitude, latitude];
    WGS84_ELLIPSOID.getEastNorthUpAxes((latitude * Math.PI) / 180, (longitude * Math.PI) / 180, this.east, this.north, this.up);
    const there = MercatorCoordinate.fromLngLat([longitude, latitude]);
    this.at = [(there.x - origin.x) / metre, (origin.y - there.y) / metre, height];
    this.scale = there.meterInMercatorCoordinateUnits() / metre;
  }

  write(position: Vector3, into: Float32Array, offset: number): void {
    position.sub(this.place);
    into[offset] = this.at[0] + position.dot(this.east) * this.scale;
    into[offset + 1] = this.at[1] + position.dot(this.north) * this.scale;
    into[offset + 2] = this.at[2] + position.dot(this.up);
  }
}

function colorAt(ramp: readonly (readonly [number, Color])[], metres: number): Color {
  const above = ramp.findIndex(([from]) => from > metres);
  if (above === 0) return ramp[0]![1];
  if (above < 0) return ramp[ramp.length - 1]![1];
  const [[low, dark], [high, bright]] = [ramp[above - 1]!, ramp[above]!];
  return dark.clone().lerp(bright, (metres - low) / (high - low));
}

/** From metres around a point of the map to the map's own coordinates. */
export const mapFromMetres = (anchor: MercatorCoordinate, metre: number): Matrix4 =>
  new Matrix4().makeScale(metre, -metre, metre).setPosition(anchor.x, anchor.y, 0);
