// What every building has: its state, and the tones of its walls and roof.

@group(1) @binding(0) var<storage, read> records: array<vec4u>;
// Of each building: bits 0 to 7 the seed of its tone, 8 to 11 its class (0: none), 12 to 31 where it stands,
// centimetres above the tile's floor.
@group(1) @binding(1) var<storage, read> states: array<u32>;
@group(2) @binding(0) var<uniform> tile: Tile;

// A building's tone, and how it differs from its neighbours'.
struct Paint {
    low: vec3f,
    high: vec3f,
    roof: vec3f,
    own: f32,
    stands: f32,
}

fn paint_of(building: u32) -> Paint {
    let state = states[min(building, arrayLength(&states) - 1u)];
    let group = (state >> 8u) & 15u;
    var out = Paint(frame.wall_low.rgb, frame.wall_high.rgb, frame.roof.rgb, f32(state & 255u) / 255.0 - 0.5, f32(state >> 12u) * 0.01);
    if group > 0u {
        // Roofs are what is seen most of from above: they have the class's colour, walls are its shade.
        let colour = frame.classes[group - 1u].rgb;
        out = Paint(colour * 0.70, colour * 0.55, colour * frame.classes[0].a, out.own, out.stands);
    }
    return out;
}

fn tallness(top: f32) -> f32 {
    return sqrt(clamp(top / 220.0, 0.0, 1.0));
}

// How light a wall is that faces somewhere, of a building so many metres high.
fn wall_tone(outward: vec2f, paint: Paint, top: f32) -> f32 {
    let facing = dot(outward, frame.light.xy) * 0.70711 - 0.5;
    return (1.0 + frame.haze_reach.w * frame.light.w * facing) * (0.80 + 0.10 * paint.own + 0.55 * tallness(top));
}

fn roof_colour(paint: Paint, top: f32) -> vec3f {
    return paint.roof * (0.78 + 0.10 * paint.own + frame.roof.a * tallness(top));
}

// A wall so many metres above its foot; `step` is as many as a pixel is high.
fn wall_colour(low: vec3f, high: vec3f, tone: f32, at_m: f32, step: f32) -> vec3f {
    var colour = mix(low, high, clamp(at_m / 45.0, 0.0, 1.0)) * tone;
    // Light from the street.
    colour += low * (frame.haze_reach.z * exp2(-at_m / 7.0));
    // Storeys, once they are wide enough to be seen as lines.
    let storey = 3.3 / step;
    if storey > 4.0 {
        let at = abs(fract(at_m / 3.3) - 0.5) * storey;
        colour *= 1.0 - 0.16 * (1.0 - clamp(at - 0.2, 0.0, 1.0)) * clamp(storey * 0.25 - 1.0, 0.0, 1.0);
    }
    return colour;
}
