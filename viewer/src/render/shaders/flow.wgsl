// What flows along lines: dashes of light, brightest where they are going. The backdrop says where a line is seen,
// and not hidden by what stands before it: its opacity is less there.

@group(1) @binding(0) var<storage, read> records: array<vec4u>;
@group(1) @binding(2) var<storage, read> nodes: array<Node>;
@group(2) @binding(0) var<uniform> tile: Tile;
@group(3) @binding(0) var backdrop: texture_2d<f32>;

// A line along which something flows is at least so wide, pixels at 1080 lines: one way, and both ways.
const LEAST_PX: vec2f = vec2f(2.4, 4.4);
// Dashes that go by in a second: the slowest, and how many more with each step of speed.
const PACE: vec2f = vec2f(0.08, 0.05);
// The lit share of a dash and its gap: the least, and how much more with each step of density.
const LIT: vec2f = vec2f(0.24, 0.07);

struct FlowVaryings {
    @builtin(position) position: vec4f,
    // Along and across the segment in pixels; its length; half its width.
    @location(0) @interpolate(linear) place: vec4f,
    @location(1) phase: f32,
    // Opacity.
    @location(2) strength: f32,
    // Both ways (1), or one way (0); -1 if traffic keeps to the left; pace; lit share.
    @location(3) @interpolate(flat) way: vec4f,
}

@vertex
fn flow_vertex(@builtin(vertex_index) index: u32) -> FlowVaryings {
    let record = records[index / 4u];
    let bits = record.z;
    let both = f32((bits >> 7u) & 1u);
    let least = mix(LEAST_PX.x, LEAST_PX.y, both);
    var style = frame.styles[bits & 15u];
    style.size.y = max(style.size.y, least);
    style.size.z = max(style.size.z, least);
    let found = line_corner(record, quad_corner(index % 4u), style);
    var out: FlowVaryings;
    out.position = found.position;
    out.place = found.place;
    out.phase = f32((bits >> 14u) & 255u) / 256.0 + found.share * f32(bits >> 22u) / 32.0;
    out.strength = frame.flow.a * (1.0 - found.hazy);
    let keeps = 1.0 - 2.0 * f32((bits >> 13u) & 1u);
    let pace = PACE.x + PACE.y * f32((bits >> 4u) & 7u);
    out.way = vec4f(both, keeps, pace, LIT.x + LIT.y * f32((bits >> 10u) & 7u));
    return out;
}

// How far a pixel is within the segment and its width, 0 to 1.
fn covered(place: vec4f, half_width: f32, middle: f32) -> f32 {
    let ends = clamp(0.5 + min(place.x, place.z - place.x), 0.0, 1.0);
    return ends * clamp(0.5 + half_width - abs(place.y - middle), 0.0, 1.0);
}

// Marks where the line is seen: takes so much of the opacity away.
@fragment
fn mark_fragment(in: FlowVaryings) -> @location(0) vec4f {
    return vec4f(0.0, 0.0, 0.0, covered(in.place, in.place.w, 0.0));
}

@fragment
fn flow_fragment(in: FlowVaryings) -> @location(0) vec4f {
    // Pixels from dash to dash.
    let dash = 1.0 / max(fwidth(in.phase), 1e-5);
    let both = in.way.x > 0.5;
    // Whoever keeps to the right of a line has it on the left.
    let ahead = select(1.0, -sign(in.place.y) * in.way.y, both);
    let lane = select(0.0, sign(in.place.y) * max(in.place.w * 0.5, 1.2 * frame.viewport.z), both);
    let half_lane = clamp(in.place.w * select(0.34, 0.16, both), 0.7 * frame.viewport.z, 2.2 * frame.viewport.z);
    let at = fract(ahead * in.phase - frame.eye.w * in.way.z);
    let lit = in.way.w;
    // Its light grows towards its head, which is a sharp edge.
    let light = pow(min(at / lit, 1.0), 1.6) * clamp((lit - at) * dash + 0.5, 0.0, 1.0);
    // Dashes that are too short to be seen as such are an even light.
    let shown = mix(lit * 0.35, light, smoothstep(6.0, 14.0, dash));
    let seen = 1.0 - textureLoad(backdrop, vec2i(in.position.xy), 0).a;
    return vec4f(frame.flow.rgb, in.strength * shown * seen * covered(in.place, half_lane, lane));
}
