// What every shader of the wall shares. Positions are metres relative to the eye; z is up.
// Colours are sRGB values and are composited as such.

struct Style {
    colour: vec4f,
    // Width in metres, least and greatest width in pixels at 1080 lines, fading below the least.
    size: vec4f,
}

struct Frame {
    clip_from_relative: mat4x4f,
    // Width and height in pixels, pixels per pixel at 1080 lines, pixels per metre at one metre.
    viewport: vec4f,
    // The view's axes; w: half its width, half its height, at one metre; metres to the target.
    right: vec4f,
    up: vec4f,
    forward: vec4f,
    // The eye: metres east and north of the city's home, above the ground; w: seconds.
    eye: vec4f,
    // The middle of this display's view, right and up of straight ahead at one metre; its upper left corner in
    // pixels of the whole wall.
    lens: vec4f,
    // Where haze begins, metres; its reach, metres; strength of the foot's glow; of facing.
    haze_reach: vec4f,
    ground: vec4f,
    haze: vec4f,
    zenith: vec4f,
    wall_low: vec4f,
    wall_high: vec4f,
    roof: vec4f,
    edge: vec4f,
    levels: array<vec4f, 5>,
    // Things, what moves, the plate of a cluster, its figures, density: colours.
    things: vec4f,
    moving: vec4f,
    plate: vec4f,
    ink: vec4f,
    heat: vec4f,
    // Cells of clusters: their side in metres, the least count that is one (0: none), the target's cell.
    cells: vec4f,
    // Cells of density: their side in metres, the strength, the south-western cell.
    density: vec4f,
    // The stage of an alarm: east, north, the inner ring's radius in metres, how strongly the rest is dimmed.
    stage: vec4f,
    // The classes of coloured buildings; a of the first: how light their roofs are.
    classes: array<vec4f, 8>,
    styles: array<Style, 15>,
}

struct Tile {
    // The tile's origin relative to the eye; w: metres per unit.
    origin: vec4f,
}

@group(0) @binding(0) var<uniform> frame: Frame;

fn haze_at(distance: f32) -> f32 {
    let x = max(distance - frame.haze_reach.x, 0.0) / frame.haze_reach.y;
    return 1.0 - exp(-x * x);
}

// The ray through a place on the screen, -1 to 1 to the right and upwards; its part along the view is 1 long.
fn ray_at(screen: vec2f) -> vec3f {
    let at = frame.lens.xy + screen * vec2f(frame.right.w, frame.up.w);
    return frame.forward.xyz + frame.right.xyz * at.x + frame.up.xyz * at.y;
}

fn clip_of(relative: vec3f) -> vec4f {
    return frame.clip_from_relative * vec4f(relative, 1.0);
}

fn xy(word: u32) -> vec2f {
    return vec2f(f32(i32(word << 16u) >> 16u), f32(i32(word) >> 16u));
}

// The k-th corner, 0 to 3, of a quad, counter-clockwise: (0,0) (1,0) (1,1) (0,1).
fn quad_corner(k: u32) -> vec2f {
    return vec2f(f32(k == 1u || k == 2u), f32(k > 1u));
}
