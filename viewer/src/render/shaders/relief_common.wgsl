// The ground of a tile, as its nodes have it. Whoever uses this declares `nodes` and `tile`.

// What lies on relief is drawn nearer by this share of its distance, so that the relief does not cover it.
const NEARER: f32 = 0.001;

struct Node {
    // Where it is, in the tile's units.
    place: u32,
    // Metres above the tile's floor.
    height: f32,
    // The way that it faces: the eastern and the northern part of a vector one long.
    facing: u32,
}

// How much more of the light of gentle slopes is shown than of steep ones: a city's hills are seen as well as its
// mountains.
const GENTLE: f32 = 3.0;

// How much more or less light than level ground a node has, -1 to 1.
fn light_of(node: Node) -> f32 {
    let aside = unpack2x16snorm(node.facing);
    let light = light_on(vec3f(aside, sqrt(max(1.0 - dot(aside, aside), 0.0))));
    return light * (1.0 + GENTLE) / (1.0 + GENTLE * abs(light));
}

// Height above the tile's floor, and light, at a place in the tile's units.
fn surface_at(units: vec2f) -> vec2f {
    let cells = tile.relief.x;
    if cells < 1.0 { return vec2f(0.0); }
    let at = clamp(vec2f(dot(tile.into.xy, units), dot(tile.into.zw, units)) + cells * 0.5, vec2f(0.0), vec2f(cells));
    let cell = min(floor(at), vec2f(cells - 1.0));
    let t = at - cell;
    let row = u32(cells) + 1u;
    let first = u32(cell.y) * row + u32(cell.x);
    let a = nodes[first];
    let c = nodes[first + row + 1u];
    // The diagonal runs from the north-western corner to the south-eastern one.
    let b = nodes[select(first + row, first + 1u, t.x >= t.y)];
    let far = max(t.x, t.y);
    let near = min(t.x, t.y);
    let ha = vec2f(a.height, light_of(a));
    let hb = vec2f(b.height, light_of(b));
    return ha + far * (hb - ha) + near * (vec2f(c.height, light_of(c)) - hb);
}

struct GroundCorner {
    // Relative to the eye.
    relative: vec3f,
    light: f32,
}

// A corner of the ground's quads: its cells, then the four borders, which hang down.
fn ground_corner(index: u32) -> GroundCorner {
    let cells = u32(tile.relief.x);
    let quad = index / 4u;
    let corner = vec2u(quad_corner(index % 4u));
    var at = vec2u(quad % cells, quad / cells) + corner;
    var sink = 0.0;
    if quad >= cells * cells {
        let k = quad - cells * cells;
        let along = k % cells + corner.x;
        sink = f32(corner.y) * tile.relief.y;
        switch k / cells {
            case 0u: { at = vec2u(along, 0u); }
            case 1u: { at = vec2u(cells, along); }
            case 2u: { at = vec2u(along, cells); }
            default: { at = vec2u(0u, along); }
        }
    }
    let node = nodes[at.y * (cells + 1u) + at.x];
    return GroundCorner(tile.origin.xyz + vec3f(xy(node.place) * tile.origin.w, node.height - sink), light_of(node));
}
