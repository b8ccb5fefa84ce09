// What lies over the ground: the density of incidents, and the stage of an alarm.

const DENSITY_SIDE: i32 = 256;

@group(1) @binding(0) var<storage, read> sums: array<u32>;

struct Varyings {
    @builtin(position) position: vec4f,
    @location(0) ray: vec3f,
}

@vertex
fn vertex(@builtin(vertex_index) index: u32) -> Varyings {
    let corner = vec2f(f32(index & 1u) * 4.0 - 1.0, f32(index >> 1u) * 4.0 - 1.0);
    var out: Varyings;
    out.position = vec4f(corner, 1.0, 1.0);
    out.ray = ray_at(corner);
    return out;
}

fn sum_at(cell: vec2i) -> f32 {
    if any(cell < vec2i(0)) || any(cell >= vec2i(DENSITY_SIDE)) { return 0.0; }
    return f32(sums[cell.y * DENSITY_SIDE + cell.x]) / 256.0;
}

fn density(place: vec2f) -> f32 {
    let at = place / frame.density.x - frame.density.zw - 0.5;
    let cell = vec2i(floor(at));
    let t = at - floor(at);
    let low = mix(sum_at(cell), sum_at(cell + vec2i(1, 0)), t.x);
    let high = mix(sum_at(cell + vec2i(0, 1)), sum_at(cell + vec2i(1, 1)), t.x);
    return mix(low, high, t.y);
}

@fragment
fn fragment(in: Varyings) -> @location(0) vec4f {
    if in.ray.z >= -0.0005 { return vec4f(frame.plate.rgb, frame.stage.w * 0.75); }
    let reach = frame.eye.z / -in.ray.z;
    let place = frame.eye.xy + in.ray.xy * reach;
    let clear = 1.0 - haze_at(reach * length(in.ray));
    var colour = frame.heat.rgb;
    var alpha = 0.0;
    if frame.density.y > 0.0 {
        let value = density(place);
        // Saturates slowly, with lines of equal density that are as thick everywhere.
        let level = 1.0 - exp(-value * 0.22);
        let step = fwidth(level * 8.0);
        let at = abs(fract(level * 8.0 - 0.5) - 0.5) / max(step, 1e-4);
        let line = (1.0 - smoothstep(0.4, 1.6, at)) * smoothstep(0.06, 0.14, level);
        alpha = (level * 0.62 + line * 0.22) * frame.density.y * clear;
    }
    if frame.stage.w > 0.0 {
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
        let below = mix(frame.plate.rgb, colour, under / max(both, 1e-4));
        alpha = light + both * (1.0 - light);
        colour = mix(below, frame.ink.rgb, light / max(alpha, 1e-4));
    }
    return vec4f(colour, alpha);
}
