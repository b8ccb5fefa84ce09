// Buildings: walls lit from below and along their edges, roofs in a calm tone.

struct WallVaryings {
    @builtin(position) position: vec4f,
    // Metres along the wall and above its foot; its length and height.
    @location(0) place: vec2f,
    @location(1) @interpolate(flat) size: vec2f,
    // Tone, haze.
    @location(2) tone: vec2f,
    // At its foot, and high above it.
    @location(3) @interpolate(flat) low: vec3f,
    @location(4) @interpolate(flat) high: vec3f,
}

@vertex
fn wall_vertex(@builtin(vertex_index) index: u32) -> WallVaryings {
    let record = records[index / 4u];
    let corner = quad_corner(index % 4u);
    let p = xy(record.x) * tile.origin.w;
    let q = xy(record.y) * tile.origin.w;
    let low = f32(record.z & 0xffffu) * 0.1;
    let high = f32(record.z >> 16u) * 0.1;
    let paint = paint_of(record.w);
    let relative = tile.origin.xyz + vec3f(mix(p, q, corner.x), paint.stands + mix(low, high, corner.y));
    let way = q - p;
    let len = max(length(way), 0.01);
    let outward = vec2f(way.y, -way.x) / len;
    var out: WallVaryings;
    out.position = clip_of(relative);
    out.place = vec2f(corner.x * len, corner.y * (high - low));
    out.size = vec2f(len, high - low);
    out.tone = vec2f(wall_tone(outward, paint, high), haze_at(length(relative)));
    out.low = paint.low;
    out.high = paint.high;
    return out;
}

@fragment
fn wall_fragment(in: WallVaryings) -> @location(0) vec4f {
    let step = max(fwidth(in.place), vec2f(1e-4));
    let px = in.size / step;
    var colour = wall_colour(in.low, in.high, in.tone.x, in.place.y, step.y);
    // Edges: the top, and the corners more faintly; only where the wall is large enough to have them.
    let top = (1.0 - clamp((in.size.y - in.place.y) / step.y - 0.5, 0.0, 1.0)) * clamp(px.y * 0.125 - 0.25, 0.0, 1.0);
    let corner = (1.0 - clamp(min(in.place.x, in.size.x - in.place.x) / step.x - 0.3, 0.0, 1.0)) * clamp(px.x * 0.08 - 0.4, 0.0, 1.0);
    let light = max(top, corner * 0.45) * frame.edge.a;
    colour = mix(colour, frame.edge.rgb, light);
    return vec4f(mix(colour, frame.haze.rgb, in.tone.y), 1.0);
}

struct RoofVaryings {
    @builtin(position) position: vec4f,
    @location(0) @interpolate(flat) colour: vec3f,
}

@vertex
fn roof_vertex(@builtin(vertex_index) index: u32) -> RoofVaryings {
    let record = records[index / 3u];
    let top = f32(record.w & 0xffffu) * 0.1;
    let number = record.w >> 16u;
    let paint = paint_of(number);
    // Without a number its top is told from the tile's floor.
    let stands = select(paint.stands, 0.0, number == 0xffffu);
    let relative = tile.origin.xyz + vec3f(xy(record[index % 3u]) * tile.origin.w, stands + top);
    var out: RoofVaryings;
    out.position = clip_of(relative);
    out.colour = mix(roof_colour(paint, top), frame.haze.rgb, haze_at(length(relative)));
    return out;
}

@fragment
fn roof_fragment(in: RoofVaryings) -> @location(0) vec4f {
    return vec4f(in.colour, 1.0);
}
