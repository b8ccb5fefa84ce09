// The ground where it is not level: its own look, and its heights from above.

@group(1) @binding(2) var<storage, read> nodes: array<Node>;
@group(2) @binding(0) var<uniform> tile: Tile;

struct Varyings {
    @builtin(position) position: vec4f,
    @location(0) colour: vec3f,
}

@vertex
fn vertex(@builtin(vertex_index) index: u32) -> Varyings {
    let corner = ground_corner(index);
    var out: Varyings;
    out.position = clip_of(corner.relative);
    // Inside the city it has the colour of land.
    out.colour = relit(select(frame.ground.rgb, frame.styles[0].colour.rgb, tile.relief.z > 0.5), corner.light);
    return out;
}

@fragment
fn fragment(in: Varyings) -> @location(0) vec4f {
    return vec4f(mix(in.colour, frame.haze.rgb, haze_at(distance_of(in.position))), 1.0);
}

struct Above {
    @builtin(position) position: vec4f,
    @location(0) height: f32,
}

// Rows of the window go north.
@vertex
fn above_vertex(@builtin(vertex_index) index: u32) -> Above {
    let relative = ground_corner(index).relative;
    let at = (relative.xy - frame.relief.xy) / (frame.relief.z * WINDOW_SIDE) * 2.0 - 1.0;
    return Above(vec4f(at.x, -at.y, 0.5, 1.0), relative.z);
}

@fragment
fn above_fragment(in: Above) -> @location(0) vec4f {
    return vec4f(in.height, 0.0, 0.0, 1.0);
}
