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
    // The eye: metres east and north of the city's home, above its datum; w: seconds.
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
    // a: how much lighter the roofs of tall buildings are.
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
    // The window of heights from above: its south-western corner relative to the eye, the side of a cell in
    // metres (0: the ground is level everywhere); the target's height above the eye.
    relief: vec4f,
    // What ground in the relief's shadow and in its light fades into; a: how far at most.
    relief_shadow: vec4f,
    relief_light: vec4f,
    // The way to the light; w: its strength.
    light: vec4f,
    // What flows along lines: its colour, and how strongly it is shown.
    flow: vec4f,
    // The classes of coloured buildings; a of the first: how light their roofs are.
    classes: array<vec4f, 8>,
    styles: array<Style, 16>,
}

struct Tile {
    // The tile's origin relative to the eye, at the height of its lowest ground; w: metres per unit.
    origin: vec4f,
    // From units to cells of its ground, counted from the middle: west to east, then north to south.
    into: vec4f,
    // Cells along a side of its ground (0: level); how far the borders hang down, metres; 1 if all is inside the
    // city; 1 if it has no ground of its own, and lies on that of the window.
    relief: vec4f,
}

@group(0) @binding(0) var<uniform> frame: Frame;

fn haze_at(distance: f32) -> f32 {
    let x = max(distance - frame.haze_reach.x, 0.0) / frame.haze_reach.y;
    return 1.0 - exp(-x * x);
}

// Cells along a side of the window of heights.
const WINDOW_SIDE: f32 = 512.0;

// How far from the eye a fragment is.
fn distance_of(position: vec4f) -> f32 {
    // position.w is one over the depth; the ray's length makes a distance of it.
    let screen = (position.xy / frame.viewport.xy * 2.0 - 1.0) * vec2f(1.0, -1.0);
    return length(vec3f(frame.lens.xy + screen * vec2f(frame.right.w, frame.up.w), 1.0)) / position.w;
}

// How much more (above 0) or less light than level ground a face has, by the way that it faces.
fn light_on(normal: vec3f) -> f32 {
    return (max(dot(normal, frame.light.xyz), 0.0) - frame.light.z) * 1.41421 * frame.light.w;
}

// A colour of the ground in the light of the relief.
fn relit(colour: vec3f, light: f32) -> vec3f {
    let into = select(frame.relief_light, frame.relief_shadow, light < 0.0);
    return mix(colour, into.rgb, abs(light) * into.a);
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
