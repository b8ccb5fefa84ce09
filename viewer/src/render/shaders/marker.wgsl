// Incidents: a ring on the ground, a column, and a head whose shape says the level as its colour does.

struct Marker {
    // Metres east and north of the city's home; when it arrived, in seconds of the wall's clock.
    place: vec3f,
    // Bits 0 to 2: level; bit 3: chosen.
    bits: u32,
}

@group(1) @binding(0) var<storage, read> markers: array<Marker>;

struct Varyings {
    @builtin(position) position: vec4f,
    @location(0) colour: vec4f,
    // The place in the part, from its middle, in pixels; what the part is; its size.
    @location(1) place: vec2f,
    @location(2) @interpolate(flat) part: vec2f,
}

struct Look {
    // Pixels at 1080 lines.
    column: f32,
    head: f32,
    ring: f32,
}

fn look_of(level: u32) -> Look {
    switch level {
        case 1u: { return Look(126.0, 18.0, 36.0); }
        case 2u: { return Look(84.0, 14.5, 24.0); }
        case 3u: { return Look(44.0, 10.5, 14.0); }
        case 4u: { return Look(0.0, 7.5, 0.0); }
        default: { return Look(0.0, 5.0, 0.0); }
    }
}

struct Placed {
    foot: vec3f,
    metres_per_px: f32,
    scale: f32,
    level: u32,
    chosen: bool,
    age: f32,
}

fn placed(marker: Marker) -> Placed {
    let foot = vec3f(marker.place.xy - frame.eye.xy, -frame.eye.z);
    let depth = max(dot(foot, frame.forward.xyz), 1.0);
    // Far markers shrink less than perspective would have them, and never vanish.
    // Over a whole province they would hide the ground: from 25 km on they are drawn smaller.
    let afar = clamp(pow(25000.0 / frame.forward.w, 0.28), 0.55, 1.0);
    let scale = frame.viewport.z * afar * clamp(pow(frame.forward.w / depth, 0.45), 0.6, 1.35);
    return Placed(foot, depth / frame.viewport.w, scale, marker.bits & 7u, (marker.bits & 8u) != 0u, frame.eye.w - marker.place.z);
}

fn nowhere() -> Varyings {
    var out: Varyings;
    out.position = vec4f(0.0, 0.0, 2.0, 1.0);
    return out;
}

// Two quads a marker: the ring, then the column.
@vertex
fn foot_vertex(@builtin(vertex_index) index: u32) -> Varyings {
    let m = placed(markers[index / 8u]);
    let k = index % 8u;
    let corner = quad_corner(k % 4u) * 2.0 - 1.0;
    let look = look_of(m.level);
    let colour = frame.levels[m.level].rgb;
    if dot(m.foot, frame.forward.xyz) < 1.0 { return nowhere(); }
    var out: Varyings;
    if k < 4u {
        // The many of little weight have no ring of their own, unless they are new or chosen.
        let is_new = m.age >= 0.0 && m.age < 9.0;
        if look.ring <= 0.0 && !is_new && !m.chosen { return nowhere(); }
        let ring = max(look.ring, 12.0);
        // A new incident's ring runs outwards for some seconds; a red one's breathes.
        var wave = 0.0;
        if is_new { wave = fract(m.age / 1.5) * (1.0 - m.age / 9.0); }
        let breath = select(0.0, 0.10 * sin(frame.eye.w * 2.2), m.level == 1u);
        let radius = ring * m.scale * (1.0 + breath + wave * 1.6 + select(0.0, 0.5, m.chosen));
        let reach = radius + 2.0;
        out.position = clip_of(m.foot + vec3f(corner * reach * m.metres_per_px, 0.3));
        out.place = corner * reach;
        out.part = vec2f(0.0, radius);
        out.colour = vec4f(colour, 1.0 - wave * 0.6);
        return out;
    }
    if look.column <= 0.0 { return nowhere(); }
    let half_width = 1.4 * m.scale;
    let height = look.column * m.scale * m.metres_per_px;
    let up = (corner.y + 1.0) * 0.5;
    let clip = clip_of(m.foot + vec3f(0.0, 0.0, height * up));
    out.position = vec4f(clip.x + corner.x * (half_width + 1.0) / frame.viewport.x * 2.0 * clip.w, clip.yzw);
    out.place = vec2f(corner.x * (half_width + 1.0), up);
    out.part = vec2f(1.0, half_width);
    out.colour = vec4f(colour, 1.0);
    return out;
}

@fragment
fn foot_fragment(in: Varyings) -> @location(0) vec4f {
    if in.part.x < 0.5 {
        let from_middle = length(in.place);
        let radius = in.part.y;
        let line = 1.0 - clamp(abs(from_middle - radius + 1.2) - 0.7, 0.0, 1.0);
        let inside = select(0.0, 0.10 * from_middle / radius, from_middle < radius);
        return vec4f(in.colour.rgb, in.colour.a * max(line * 0.8, inside));
    }
    let edge = clamp(in.part.y + 0.5 - abs(in.place.x), 0.0, 1.0);
    return vec4f(in.colour.rgb, edge * mix(0.30, 0.95, in.place.y));
}

// One quad a marker.
@vertex
fn head_vertex(@builtin(vertex_index) index: u32) -> Varyings {
    let m = placed(markers[index / 4u]);
    let corner = quad_corner(index % 4u) * 2.0 - 1.0;
    let look = look_of(m.level);
    if dot(m.foot, frame.forward.xyz) < 1.0 { return nowhere(); }
    let size = look.head * m.scale * select(1.0, 1.25, m.chosen);
    let reach = size + 3.0;
    let clip = clip_of(m.foot + vec3f(0.0, 0.0, look.column * m.scale * m.metres_per_px));
    var out: Varyings;
    out.position = vec4f(clip.xy + corner * reach / frame.viewport.xy * 2.0 * clip.w, clip.zw);
    out.place = corner * reach;
    out.part = vec2f(f32(m.level), size);
    out.colour = vec4f(frame.levels[m.level].rgb, select(0.0, 1.0, m.chosen));
    return out;
}

// Signed distance to the level's shape: diamond, triangle, square, disc.
fn shape(level: u32, p: vec2f, size: f32) -> f32 {
    switch level {
        case 1u: { return (abs(p.x) + abs(p.y) - size) * 0.70710678; }
        case 2u: {
            let k = 1.7320508;
            return max(abs(p.x) * 0.8660254 + p.y * 0.5, -p.y) - size * 0.55;
        }
        case 3u: { return max(abs(p.x), abs(p.y)) - size * 0.78; }
        case 4u: { return length(p) - size * 0.88; }
        default: { return length(p) - size * 0.8; }
    }
}

@fragment
fn head_fragment(in: Varyings) -> @location(0) vec4f {
    let level = u32(in.part.x + 0.5);
    let d = shape(level, in.place, in.part.y);
    let body = clamp(0.5 - d, 0.0, 1.0);
    // A dark rim keeps the head apart from whatever lies behind it.
    let rim = clamp(2.5 - d, 0.0, 1.0);
    let core = select(0.0, clamp(0.5 - (d + in.part.y * 0.42), 0.0, 1.0), level > 0u);
    let dark = select(frame.ground.rgb * 0.6, vec3f(1.0), frame.ground.g > 0.5);
    var colour = mix(dark, in.colour.rgb, body);
    colour = mix(colour, mix(dark, vec3f(1.0), in.colour.a), core * 0.85);
    return vec4f(colour, max(body, rim * 0.75));
}
