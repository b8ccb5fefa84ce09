// Buildings as solids: each face a wall or a part of a roof, lit along the edges where faces meet.

// Metres of a unit of a corner's height.
const HEIGHT_UNIT: f32 = 0.02;

struct FaceVaryings {
    @builtin(position) position: vec4f,
    // How far from the edge opposite each corner: 0 on it, 1 at the corner.
    @location(0) near: vec3f,
    // Metres above the foot, haze, tone as a wall, how much of it is roof.
    @location(1) place: vec2f,
    @location(2) @interpolate(flat) tone: vec2f,
    @location(3) @interpolate(flat) low: vec3f,
    @location(4) @interpolate(flat) high: vec3f,
    @location(5) @interpolate(flat) roof: vec3f,
    // How strongly each edge is lit.
    @location(6) @interpolate(flat) edges: vec3f,
}

@vertex
fn face_vertex(@builtin(vertex_index) index: u32) -> FaceVaryings {
    let record = records[index / 3u * 2u];
    let rest = records[index / 3u * 2u + 1u];
    let heights = vec3f(f32(rest.x & 0xffffu), f32(rest.x >> 16u), f32(rest.y & 0xffffu)) * HEIGHT_UNIT;
    let top = f32(rest.y >> 16u) * HEIGHT_UNIT;
    let a = vec3f(xy(record.x) * tile.origin.w, heights.x);
    let b = vec3f(xy(record.y) * tile.origin.w, heights.y);
    let c = vec3f(xy(record.z) * tile.origin.w, heights.z);
    let corner = index % 3u;
    let own = vec3f(f32(corner == 0u), f32(corner == 1u), f32(corner == 2u));
    let at = a * own.x + b * own.y + c * own.z;
    let normal = normalize(cross(b - a, c - a));
    let paint = paint_of(record.w & 0xffffu);
    let relative = tile.origin.xyz + vec3f(at.xy, paint.stands + at.z);
    let looks = vec3u(record.w >> 16u, record.w >> 18u, record.w >> 20u) & vec3u(3u);
    // A roof that turns to the light is lighter, as far as walls differ.
    var out: FaceVaryings;
    out.position = clip_of(relative);
    out.near = own;
    out.place = vec2f(at.z, haze_at(length(relative)));
    out.tone = vec2f(wall_tone(normalize(normal.xy + vec2f(1e-6, 0.0)), paint, top), smoothstep(0.2, 0.4, normal.z));
    out.low = paint.low;
    out.high = paint.high;
    out.roof = roof_colour(paint, top) * (1.0 + frame.haze_reach.w * 0.9 * min(light_on(normal), 0.4));
    out.edges = vec3f(looks) * 0.5 - vec3f(looks == vec3u(1u)) * 0.05;
    return out;
}

@fragment
fn face_fragment(in: FaceVaryings) -> @location(0) vec4f {
    let wall = wall_colour(in.low, in.high, in.tone.x, in.place.x, max(fwidth(in.place.x), 1e-4));
    let colour = mix(wall, in.roof, in.tone.y);
    // Edges, only where the face is large enough to have them.
    let step = max(fwidth(in.near), vec3f(1e-5));
    let line = (1.0 - clamp(in.near / step - 0.3, vec3f(0.0), vec3f(1.0))) * clamp(0.1 / step - 0.3, vec3f(0.0), vec3f(1.0)) * in.edges;
    let lit = mix(colour, frame.edge.rgb, max(line.x, max(line.y, line.z)) * frame.edge.a);
    return vec4f(mix(lit, frame.haze.rgb, in.place.y), 1.0);
}
