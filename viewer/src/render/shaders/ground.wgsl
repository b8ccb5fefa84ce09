// What lies on the ground: areas and lines.

@group(1) @binding(0) var<storage, read> records: array<vec4u>;
// Of each building and area of the tile; bits 8 to 11 are its class (0: none).
@group(1) @binding(1) var<storage, read> states: array<u32>;
@group(1) @binding(2) var<storage, read> nodes: array<Node>;
@group(2) @binding(0) var<uniform> tile: Tile;

// The style of an area that is seen only while it is coloured.
const TINT: u32 = 16u;
// How much of its class's colour an area has: what stands on it is to be seen.
const TINT_SHARE: f32 = 0.65;

// The surface of the tile, or of the window, at a place in units: relative to the eye, and its light.
fn on_ground(units: vec2f) -> vec4f {
    let place = tile.origin.xy + units * tile.origin.w;
    if tile.relief.w > 0.5 { return vec4f(place, ground_below(place), 0.0); }
    let surface = surface_at(units);
    return vec4f(place, tile.origin.z + surface.x, surface.y);
}

struct FillVaryings {
    @builtin(position) position: vec4f,
    @location(0) colour: vec4f,
}

fn filled(index: u32) -> FillVaryings {
    let record = records[index / 3u];
    let ground = on_ground(xy(record[index % 3u]));
    let style = record.w & 255u;
    let number = record.w >> 8u;
    var class_of = 0u;
    if number > 0u { class_of = (states[min(number, arrayLength(&states)) - 1u] >> 8u) & 15u; }
    var out: FillVaryings;
    if style == TINT && class_of == 0u {
        out.position = vec4f(0.0, 0.0, 2.0, 1.0);
        return out;
    }
    var colour = frame.styles[min(style, TINT - 1u)].colour;
    if class_of > 0u { colour = vec4f(mix(frame.styles[0].colour.rgb, frame.classes[class_of - 1u].rgb, TINT_SHARE), 1.0); }
    out.position = clip_of(ground.xyz);
    if tile.relief.x > 0.0 { out.position.z *= 1.0 + NEARER; }
    // Large triangles: the distance is taken per pixel.
    out.colour = vec4f(relit(colour.rgb, ground.w), colour.a);
    return out;
}

@vertex
fn fill_vertex(@builtin(vertex_index) index: u32) -> FillVaryings {
    return filled(index);
}

@fragment
fn fill_fragment(in: FillVaryings) -> @location(0) vec4f {
    return vec4f(mix(in.colour.rgb, frame.haze.rgb, haze_at(distance_of(in.position))), 1.0);
}

// What is drawn by hand lets the city through.
@vertex
fn tint_vertex(@builtin(vertex_index) index: u32) -> FillVaryings {
    return filled(index);
}

@fragment
fn tint_fragment(in: FillVaryings) -> @location(0) vec4f {
    return in.colour;
}

struct LineVaryings {
    @builtin(position) position: vec4f,
    @location(0) colour: vec4f,
    // Along and across the segment in pixels; its length; half its width.
    @location(1) @interpolate(linear) place: vec4f,
}

@vertex
fn line_vertex(@builtin(vertex_index) index: u32) -> LineVaryings {
    let record = records[index / 4u];
    let corner = quad_corner(index % 4u);
    let style = frame.styles[record.z & 15u];
    let found = line_corner(record, corner, style);
    let colour = mix(style.colour.rgb, frame.styles[0].colour.rgb, found.dim);
    return LineVaryings(found.position, vec4f(mix(colour, frame.haze.rgb, found.hazy), found.cover), found.place);
}

@fragment
fn line_fragment(in: LineVaryings) -> @location(0) vec4f {
    let past = max(max(-in.place.x, in.place.x - in.place.z), 0.0);
    let outside = length(vec2f(past, in.place.y)) - in.place.w;
    return vec4f(in.colour.rgb, in.colour.a * clamp(0.5 - outside, 0.0, 1.0));
}
