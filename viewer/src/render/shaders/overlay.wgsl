// What lies over the ground: the density of incidents, and the stage of an alarm.

const DENSITY_SIDE: i32 = 256;

@group(1) @binding(0) var<storage, read> sums: array<u32>;
// Where the ground is not level it is drawn again, with this over it.
@group(2) @binding(2) var<storage, read> nodes: array<Node>;
@group(3) @binding(0) var<uniform> tile: Tile;

struct Varyings {
    @builtin(position) position: vec4f,
    @location(0) ray: vec3f,
}

@vertex
fn vertex(@builtin(vertex_index) index: u32) -> Varyings {
    let corner = vec2f(f32(index & 1u) * 4.0 - 1.0, f32(index >> 1u) * 4.0 - 1.0);
    var out: Varyings;
    out.position = vec4f(corner, 0.0, 1.0);
    out.ray = ray_at(corner);
    return out;
}

fn sum_at(cell: vec2i) -> f32 {
    if any(cell < vec2i(0)) || any(cell >= vec2i(DENSITY_SIDE)) { return 0.0; }
    return f32(sums[cell.y * DENSITY_SIDE + cell.x]) / 256.0;
}

// The density at a place, and how much it grows in a metre to the east and to the north.
fn density(place: vec2f) -> vec3f {
    let at = place / frame.density.x - frame.density.zw - 0.5;
    let cell = vec2i(floor(at));
    let t = at - floor(at);
    let low = vec2f(sum_at(cell), sum_at(cell + vec2i(1, 0)));
    let high = vec2f(sum_at(cell + vec2i(0, 1)), sum_at(cell + vec2i(1, 1)));
    let sides = vec2f(mix(low.x, low.y, t.x), mix(high.x, high.y, t.x));
    let growth = vec2f(mix(low.y - low.x, high.y - high.x, t.y), sides.y - sides.x) / frame.density.x;
    return vec3f(mix(sides.x, sides.y, t.y), growth);
}

// What lies over a place of the city's plane, and how far that is from the eye.
fn over(place: vec2f, reach: f32) -> vec4f {
    let clear = 1.0 - haze_at(reach);
    let moved = array(dpdx(place), dpdy(place));
    var alpha = 0.0;
    // Not by a uniform alone: a software driver makes the whole shader anew in every frame for what one decides.
    if frame.density.y * clear > 0.0 {
        let found = density(place);
        // Saturates slowly, with lines of equal density that are as thick everywhere.
        let rest = exp(-found.x * 0.22);
        let level = 1.0 - rest;
        // What is read from a buffer has no derivative at the edges of triangles: it follows from the place's.
        let step = 8.0 * 0.22 * rest * (abs(dot(found.yz, moved[0])) + abs(dot(found.yz, moved[1])));
        let at = abs(fract(level * 8.0 - 0.5) - 0.5) / max(step, 1e-4);
        let line = (1.0 - smoothstep(0.4, 1.6, at)) * smoothstep(0.06, 0.14, level);
        alpha = (level * 0.62 + line * 0.22) * frame.density.y * clear;
    }
    let away = distance(place, frame.stage.xy) / frame.stage.z;
    let dim = smoothstep(1.0, 3.2, away) * 0.72 * frame.stage.w;
    // Rings at one, two and four times the inner radius.
    let grain = fwidth(away);
    var ring = 0.0;
    for (var k = 0u; k < 3u; k++) {
        let at = abs(away - f32(1u << k)) / max(grain, 1e-6);
        ring = max(ring, 1.0 - smoothstep(0.6 * frame.viewport.z, 1.6 * frame.viewport.z, at));
    }
    // The dimming lies over the density, the rings over both.
    let light = ring * 0.75 * frame.stage.w * clear;
    let under = alpha * (1.0 - dim);
    let both = under + dim;
    let below = mix(frame.plate.rgb, frame.heat.rgb, under / max(both, 1e-4));
    let all = light + both * (1.0 - light);
    return vec4f(mix(below, frame.ink.rgb, light / max(all, 1e-4)), all);
}

@fragment
fn fragment(in: Varyings) -> @location(0) vec4f {
    if in.ray.z >= -0.0005 { return vec4f(frame.plate.rgb, frame.stage.w * 0.75); }
    let reach = frame.relief.w / in.ray.z;
    return over(frame.eye.xy + in.ray.xy * reach, reach * length(in.ray));
}

// The ground's depth alone, so that of two slopes one behind the other only the nearer is drawn over.
@vertex
fn relief_vertex(@builtin(vertex_index) index: u32) -> @builtin(position) vec4f {
    return clip_of(ground_corner(index).relative);
}

@fragment
fn relief_fragment() -> @location(0) vec4f {
    return vec4f(0.0);
}

struct DrapedVaryings {
    @builtin(position) position: vec4f,
    @location(0) relative: vec3f,
}

@vertex
fn draped_vertex(@builtin(vertex_index) index: u32) -> DrapedVaryings {
    let relative = ground_corner(index).relative;
    var clip = clip_of(relative);
    // Equal depths may differ in their last bit.
    clip.z *= 1.0 + NEARER;
    return DrapedVaryings(clip, relative);
}

@fragment
fn draped_fragment(in: DrapedVaryings) -> @location(0) vec4f {
    return over(frame.eye.xy + in.relative.xy, length(in.relative));
}
