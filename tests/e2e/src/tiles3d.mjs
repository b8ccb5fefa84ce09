// Walks a 3D tileset as a client would and checks every tile: `node tiles3d.mjs ADDRESS/tileset.json`.
// Each glTF passes Khronos' validator twice, as it is sent and with its buffers unpacked by the
// reference decoder of EXT_meshopt_compression. Prints one line of JSON.
import validator from 'gltf-validator';
import { MeshoptDecoder } from 'meshoptimizer/decoder';

const root = new URL(process.argv[2]);
const fetchBytes = async (address) => {
  const answer = await fetch(new URL(address, root));
  if (!answer.ok) throw new Error(`${address}: ${answer.status} ${await answer.text()}`);
  return Buffer.from(await answer.arrayBuffer());
};

/** The parts of a binary glTF. */
function open(glb) {
  if (glb.toString('latin1', 0, 4) !== 'glTF' || glb.readUInt32LE(8) !== glb.length) throw new Error('no GLB');
  const length = glb.readUInt32LE(12);
  return { document: JSON.parse(glb.toString('utf8', 20, 20 + length)), bytes: glb.subarray(28 + length) };
}

/** The same glTF without compression, as a document with one buffer. */
function unpack({ document, bytes }) {
  const plain = structuredClone(document);
  const parts = [];
  let length = 0;
  for (const view of plain.bufferViews) {
    const packed = view.extensions?.EXT_meshopt_compression;
    let part = bytes.subarray(view.byteOffset, view.byteOffset + view.byteLength);
    if (packed) {
      part = Buffer.alloc(packed.count * packed.byteStride);
      const source = bytes.subarray(packed.byteOffset, packed.byteOffset + packed.byteLength);
      MeshoptDecoder.decodeGltfBuffer(part, packed.count, packed.byteStride, source, packed.mode, packed.filter);
    }
    delete view.extensions;
    view.buffer = 0;
    view.byteOffset = length;
    parts.push(part, Buffer.alloc((8 - (part.length % 8)) % 8));
    length += part.length + parts.at(-1).length;
  }
  const buffer = Buffer.concat(parts);
  plain.buffers = [{ byteLength: buffer.length, uri: `data:application/octet-stream;base64,${buffer.toString('base64')}` }];
  plain.extensionsUsed = plain.extensionsUsed.filter((name) => name !== 'EXT_meshopt_compression');
  plain.extensionsRequired = plain.extensionsRequired.filter((name) => name !== 'EXT_meshopt_compression');
  return { plain, buffer };
}

async function validate(name, bytes) {
  const { issues } = await validator.validateBytes(new Uint8Array(bytes), { maxIssues: 10 });
  if (issues.numErrors > 0) throw new Error(`${name}: ${JSON.stringify(issues.messages)}`);
}

/** Longitude and latitude in radians and height in metres of ECEF (Bowring's formula). */
function geodetic([x, y, z]) {
  const [a, e2] = [6378137, 6.694379990141316e-3];
  const b = a * Math.sqrt(1 - e2);
  const p = Math.hypot(x, y);
  const t = Math.atan2(z * a, p * b);
  const latitude = Math.atan2(z + ((e2 * a * a) / b) * Math.sin(t) ** 3, p - e2 * a * Math.cos(t) ** 3);
  const n = a / Math.sqrt(1 - e2 * Math.sin(latitude) ** 2);
  return [Math.atan2(y, x), latitude, p / Math.cos(latitude) - n];
}

/** Checks one content and returns the ids of its features; every vertex must lie in its region. */
async function content(name, region) {
  const glb = await fetchBytes(name);
  await validate(name, glb);
  const opened = open(glb);
  const { plain, buffer } = unpack(opened);
  await validate(`${name}, unpacked`, Buffer.from(JSON.stringify(plain)));
  const primitive = plain.meshes[0].primitives[0];
  const at = (accessor) => plain.bufferViews[plain.accessors[accessor].bufferView];
  const m = plain.nodes[0].matrix;
  const positions = at(primitive.attributes.POSITION);
  const slack = [2e-8, 2e-8, 0.5];
  let least = Infinity;
  let most = -Infinity;
  for (let i = 0; i < plain.accessors[primitive.attributes.POSITION].count; i += 1) {
    const p = [0, 2, 4].map((offset) => buffer.readUInt16LE(positions.byteOffset + i * positions.byteStride + offset));
    const up = [0, 1, 2].map((row) => m[row] * p[0] + m[4 + row] * p[1] + m[8 + row] * p[2] + m[12 + row]);
    const place = geodetic([up[0], -up[2], up[1]]);
    least = Math.min(least, place[2]);
    most = Math.max(most, place[2]);
    for (let axis = 0; axis < 3; axis += 1) {
      const [from, to] = axis < 2 ? [region[axis], region[axis + 2]] : [region[4], region[5]];
      if (place[axis] < from - slack[axis] || place[axis] > to + slack[axis]) throw new Error(`${name}: vertex ${i} lies outside of its tile: ${place} in ${region}`);
    }
  }
  const { propertyTables } = plain.extensions.EXT_structural_metadata;
  const { id } = propertyTables[0].properties;
  const [text, offsets] = [plain.bufferViews[id.values], plain.bufferViews[id.stringOffsets]];
  const ids = [];
  for (let i = 0; i < propertyTables[0].count; i += 1) {
    const [from, to] = [0, 1].map((next) => buffer.readUInt32LE(offsets.byteOffset + 4 * (i + next)));
    ids.push(buffer.toString('utf8', text.byteOffset + from, text.byteOffset + to));
  }
  const numbers = at(primitive.attributes._FEATURE_ID_0);
  const used = new Set();
  for (let i = 0; i < plain.accessors[primitive.attributes._FEATURE_ID_0].count; i += 1) used.add(buffer.readUInt16LE(numbers.byteOffset + 4 * i));
  if (Math.max(...used) >= ids.length) throw new Error(`${name}: a vertex names a feature that is not in the table`);
  return { ids, bytes: glb.length, least, most };
}

/** Where the bits of an availability are set. */
function bits(availability, document, buffer, count) {
  if ('constant' in availability) return Array(count).fill(availability.constant === 1);
  const view = document.bufferViews[availability.bitstream];
  const set = Array.from({ length: count }, (_, i) => ((buffer[view.byteOffset + (i >> 3)] >> (i & 7)) & 1) === 1);
  if (set.filter(Boolean).length !== availability.availableCount) throw new Error('availableCount is wrong');
  return set;
}

const place = (morton, level) => [0, 1].map((shift) => Array.from({ length: level }, (_, bit) => ((morton >> (2 * bit + shift)) & 1) << bit).reduce((a, b) => a | b, 0));

await MeshoptDecoder.ready;
const tileset = JSON.parse((await fetchBytes(root)).toString());
const tile = tileset.root.children[0];
const { subtreeLevels, subtrees } = tile.implicitTiling;
const fill = (template, [level, x, y]) => template.replace('{level}', level).replace('{x}', x).replace('{y}', y);
const nodes = [];
const todo = [[0, 0, 0]];
while (todo.length > 0) {
  const [level, x, y] = todo.pop();
  const bytes = await fetchBytes(fill(subtrees.uri, [level, x, y]));
  const length = Number(bytes.readBigUInt64LE(8));
  const document = JSON.parse(bytes.toString('utf8', 24, 24 + length));
  const buffer = bytes.subarray(24 + length);
  const inner = (4 ** subtreeLevels - 1) / 3;
  const tiles = bits(document.tileAvailability, document, buffer, inner);
  const contents = bits(document.contentAvailability[0], document, buffer, inner);
  const children = bits(document.childSubtreeAvailability, document, buffer, 4 ** subtreeLevels);
  let index = 0;
  for (let below = 0; below < subtreeLevels; below += 1) {
    for (let morton = 0; morton < 4 ** below; morton += 1, index += 1) {
      if (contents[index] && !tiles[index]) throw new Error('content without a tile');
      const [dx, dy] = place(morton, below);
      if (contents[index]) nodes.push([level + below, (x << below) + dx, (y << below) + dy]);
    }
  }
  children.forEach((is, morton) => {
    const [dx, dy] = place(morton, subtreeLevels);
    if (is) todo.push([level + subtreeLevels, (x << subtreeLevels) + dx, (y << subtreeLevels) + dy]);
  });
}
const [west, south, east, north, low, high] = tile.boundingVolume.region;
const overview = await content(tileset.root.content.uri, tileset.root.boundingVolume.region);
const found = new Set();
let bytes = 0;
let features = 0;
let least = Infinity;
let most = -Infinity;
for (const node of nodes) {
  const [level, x, y] = node;
  const [width, height] = [(east - west) / 2 ** level, (north - south) / 2 ** level];
  const region = [west + x * width, south + y * height, west + (x + 1) * width, south + (y + 1) * height, low, high];
  const one = await content(fill(tile.content.uri, node), region);
  one.ids.forEach((id) => found.add(id));
  features += one.ids.length;
  bytes += one.bytes;
  least = Math.min(least, one.least);
  most = Math.max(most, one.most);
}
console.log(JSON.stringify({ tiles: nodes.length, features, ids: found.size, bytes, overview_bytes: overview.bytes, least_m: least, most_m: most }));
