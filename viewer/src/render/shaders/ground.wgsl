// What lies on the ground: areas and lines.

@group(1) @binding(0) var<storage, read> records: array<vec4u>;
// Of each building and area of the tile; bits 8 to 11 are its class (0: none).
@group(1) @binding(1) var<storage, read> states: array<u32>;
@group(1) @binding(2) var<storage, read> nodes: array<Node>;
@group(2) @binding(0) var<uniform> tile: Tile;

// Bits of a line's style: it goes on before its first end, after its second one.
const GOES_ON: vec2u = vec2u(256u, 512u);
// The style of an area that is seen only while it is coloured.
const TINT: u32 = 15u;
// How much of its class's colour an area has: what stands on it is to be seen.
const TINT_SHARE: f32 = 0.65;
// A line that covers more than this is not seen through.
const OPAQUE: f32 = 0.9;

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
    var out: LineVaryings;
    var a = tile.origin.xyz + vec3f(xy(record.x) * tile.origin.w, f32(record.w & 0xffffu) * 0.1);
    var b = tile.origin.xyz + vec3f(xy(record.y) * tile.origin.w, f32(record.w >> 16u) * 0.1);
    if tile.relief.w > 0.5 {
        a.z = ground_below(a.xy);
        b.z = ground_below(b.xy);
    }
    // Ends behind the eye are brought before it, since behind it the screen has no place for them.
    let near = 0.01 * frame.forward.w;
    let da = dot(a, frame.forward.xyz) - near;
    let db = dot(b, frame.forward.xyz) - near;
    if da < 0.0 && db < 0.0 {
        out.position = vec4f(0.0, 0.0, 2.0, 1.0);
        return out;
    }
    if da < 0.0 { a = mix(a, b, da / (da - db)); }
    if db < 0.0 { b = mix(b, a, db / (db - da)); }
    let ca = clip_of(a);
    let cb = clip_of(b);
    let half_view = frame.viewport.xy * 0.5;
    let pa = ca.xy / ca.w * half_view;
    let pb = cb.xy / cb.w * half_view;
    let span = pb - pa;
    let len = length(span);
    let along = select(vec2f(1.0, 0.0), span / max(len, 1e-6), len > 1e-4);
    let across = vec2f(-along.y, along.x);
    let here = mix(ca, cb, corner.x);
    let natural = style.size.x * frame.viewport.w / here.w;
    let least = style.size.y * frame.viewport.z;
    let width = clamp(natural, least, max(style.size.z * frame.viewport.z, least));
    let alpha = style.colour.a * pow(min(natural / least, 1.0), style.size.w);
    // Near, a road is a band and no longer a line of light: it dims as it widens. Opacity stays,
    // so that the joints of its segments do not show.
    let dim = 0.62 * smoothstep(2.0, 7.0, width / frame.viewport.z);
    let reach = width * 0.5 + 1.0;
    let side = corner.y * 2.0 - 1.0;
    let beyond = corner.x * 2.0 - 1.0;
    let middle = mix(a, b, corner.x);
    let hazy = haze_at(length(middle));
    out.colour = vec4f(mix(mix(style.colour.rgb, frame.styles[0].colour.rgb, dim), frame.haze.rgb, hazy), mix(alpha, 1.0, dim) * (1.0 - 0.7 * hazy));
    // Where its next piece goes on it ends at the very end if it can be seen through, so that nothing is drawn twice.
    let goes_on = (record.z & select(GOES_ON.x, GOES_ON.y, corner.x > 0.5)) != 0u;
    let ends = select(reach, 0.0, goes_on && out.colour.a < OPAQUE);
    let offset = along * (beyond * ends) + across * (side * reach);
    out.position = vec4f(here.xy + offset / half_view * here.w, here.zw);
    out.place = vec4f(corner.x * len + beyond * ends, side * reach, len, width * 0.5);
    if tile.relief.x > 0.0 {
        // Its far side lies on ground that is farther than its middle: it is brought forward by that much.
        let flatness = length(middle.xy) / max(-middle.z, 0.05 * length(middle.xy));
        out.position.z *= 1.0 + NEARER + 1.5 * reach * flatness / frame.viewport.w;
    }
    return out;
}

@fragment
fn line_fragment(in: LineVaryings) -> @location(0) vec4f {
    let past = max(max(-in.place.x, in.place.x - in.place.z), 0.0);
    let outside = length(vec2f(past, in.place.y)) - in.place.w;
    return vec4f(in.colour.rgb, in.colour.a * clamp(0.5 - outside, 0.0, 1.0));
}
