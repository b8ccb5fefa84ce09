// Incidents: a ring on the ground, a column, and a head whose shape says the level as its colour
// does. Things and vehicles: a glyph. Many in one place: one plate with their number.

@group(0) @binding(1) var figures: texture_2d<f32>;
@group(1) @binding(0) var<storage, read> markers: array<Marker>;
@group(1) @binding(1) var<storage, read> cells: array<vec4u>;

// A cell of the texture of figures at 1080 lines.
const FIGURE: vec2f = vec2f(11.0, 20.0);

struct Varyings {
    @builtin(position) position: vec4f,
    @location(0) colour: vec4f,
    // The place in the part, from its middle, in pixels; what the part is; its size.
    @location(1) place: vec2f,
    @location(2) @interpolate(flat) part: vec2f,
    // How many there are (1: itself), heading, out of order.
    @location(3) @interpolate(flat) more: vec3u,
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
    glyph: u32,
    chosen: bool,
    age: f32,
    // Markers that this one stands for; 0 if another one stands for it.
    count: u32,
    // True of a vehicle that has not reported for long.
    silent: bool,
}

// A vehicle that has not been heard of for this many seconds is drawn hollow.
const SILENT_S: f32 = 300.0;

fn placed(index: u32) -> Placed {
    let marker = markers[index];
    var place = place_of(marker);
    var count = 1u;
    let chosen = (marker.bits & 8u) != 0u;
    if frame.cells.y > 0.0 && !chosen {
        let at = cell_index(place);
        if at >= 0 {
            let cell = cells[at];
            if f32(cell.x) >= frame.cells.y {
                count = select(0u, cell.x, cell.y == index + 1u);
                place = (floor(place / frame.cells.x) + (vec2f(cell.zw) + 0.5) / (CELL_STEPS * f32(cell.x))) * frame.cells.x;
            }
        } else if (marker.bits & 0xf7u) > 2u || (marker.bits & 7u) == 0u {
            // Beyond the window, in the haze, only the gravest are drawn.
            count = 0u;
        }
    }
    var foot = vec3f(place - frame.eye.xy, frame.relief.w);
    if count > 0u { foot.z = ground_below(foot.xy); }
    let depth = dot(foot, frame.forward.xyz);
    if depth < 1.0 { count = 0u; }
    // Far markers shrink less than perspective would have them, and never vanish.
    // Over a whole province they would hide the ground: from 25 km on they are drawn smaller.
    let afar = clamp(pow(25000.0 / frame.forward.w, 0.28), 0.55, 1.0);
    var scale = frame.viewport.z * afar * clamp(pow(frame.forward.w / max(depth, 1.0), 0.45), 0.6, 1.35);
    // All but the gravest shrink away in the haze: along the horizon they would be a string of beads.
    let is_grave = (marker.bits & 0xf7u) == 1u || (marker.bits & 0xf7u) == 2u;
    if !chosen && !is_grave { scale *= 1.0 - smoothstep(0.72, 0.88, haze_at(length(foot))); }
    if scale <= 0.0 { count = 0u; }
    let glyph = (marker.bits >> 4u) & 15u;
    let silent = glyph == 7u && frame.eye.w - marker.start_s - marker.travel_s > SILENT_S;
    return Placed(foot, max(depth, 1.0) / frame.viewport.w, scale, marker.bits & 7u, glyph, chosen, frame.eye.w - marker.arrived_s, count, silent);
}

fn nowhere() -> Varyings {
    var out: Varyings;
    out.position = vec4f(0.0, 0.0, 2.0, 1.0);
    return out;
}

// Two quads a marker: the ring, then the column.
@vertex
fn foot_vertex(@builtin(vertex_index) index: u32) -> Varyings {
    let m = placed(index / 8u);
    // A cluster and a glyph lie flat.
    if m.count != 1u || (m.glyph != 0u && !m.chosen) { return nowhere(); }
    let k = index % 8u;
    let corner = quad_corner(k % 4u) * 2.0 - 1.0;
    var look = look_of(m.level);
    var colour = frame.levels[m.level].rgb;
    if m.glyph != 0u { colour = frame.ink.rgb; }
    var out: Varyings;
    if k < 4u {
        // The many of little weight have no ring of their own, unless they are new or chosen.
        let is_new = m.age >= 0.0 && m.age < 9.0 && m.glyph == 0u;
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
    if look.column <= 0.0 || m.glyph != 0u { return nowhere(); }
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

fn figures_of(count: u32) -> u32 {
    return 1u + u32(count > 9u) + u32(count > 99u) + u32(count > 999u);
}

// One quad a marker.
@vertex
fn head_vertex(@builtin(vertex_index) index: u32) -> Varyings {
    let m = placed(index / 4u);
    if m.count == 0u { return nowhere(); }
    let bits = markers[index / 4u].bits;
    let corner = quad_corner(index % 4u) * 2.0 - 1.0;
    var out: Varyings;
    out.more = vec3u(m.count, (bits >> 8u) & 255u, max((bits >> 16u) & 1u, u32(m.silent)));
    out.colour = vec4f(frame.levels[m.level].rgb, select(0.0, 1.0, m.chosen));
    if m.glyph != 0u { out.colour = vec4f(select(frame.things.rgb, frame.moving.rgb, m.glyph == 7u), out.colour.a); }
    if m.count > 1u {
        // A plate on the ground, on whole pixels, so that the figures are sharp.
        let size = (11.0 + 4.2 * f32(figures_of(m.count))) * frame.viewport.z;
        let clip = clip_of(m.foot);
        let half_view = frame.viewport.xy * 0.5;
        // Whole pixels are counted from the corner, which is one for every display.
        let middle = floor((clip.xy / clip.w + 1.0) * half_view) - half_view;
        let reach = ceil(size + 3.0);
        out.position = vec4f((middle + corner * reach) / half_view * clip.w, clip.zw);
        out.place = corner * reach;
        out.part = vec2f(select(f32(m.level), 8.0 + f32(m.glyph), m.glyph != 0u), size);
        return out;
    }
    var look = look_of(m.level);
    if m.glyph != 0u { look = Look(0.0, select(select(7.0, 9.5, m.glyph >= 5u), 12.0, m.glyph == 7u), 0.0); }
    let size = look.head * m.scale * select(1.0, 1.25, m.chosen);
    // A camera's view reaches beyond its dot.
    let reach = select(size + 3.0, size * 3.0, m.glyph == 2u);
    let clip = clip_of(m.foot + vec3f(0.0, 0.0, look.column * m.scale * m.metres_per_px));
    out.position = vec4f(clip.xy + corner * reach / frame.viewport.xy * 2.0 * clip.w, clip.zw);
    out.place = corner * reach;
    out.part = vec2f(select(f32(m.level), 8.0 + f32(m.glyph), m.glyph != 0u), size);
    return out;
}

// Signed distance to the level's shape: diamond, triangle, square, disc.
fn shape(level: u32, p: vec2f, size: f32) -> f32 {
    switch level {
        case 1u: { return (abs(p.x) + abs(p.y) - size) * 0.70710678; }
        case 2u: { return max(abs(p.x) * 0.8660254 + p.y * 0.5, -p.y) - size * 0.55; }
        case 3u: { return max(abs(p.x), abs(p.y)) - size * 0.78; }
        case 4u: { return length(p) - size * 0.88; }
        default: { return length(p) - size * 0.8; }
    }
}

// Signed distance to a thing's glyph; `p` is turned for those that have a heading.
fn glyph_shape(glyph: u32, p: vec2f, size: f32) -> f32 {
    switch glyph {
        // A camera: a dot.
        case 2u: { return length(p) - size * 0.55; }
        // A sensor: a dot in a ring.
        case 3u: { return min(length(p) - size * 0.38, abs(length(p) - size * 0.84) - size * 0.13); }
        // A component: a small square.
        case 4u: { return max(abs(p.x), abs(p.y)) - size * 0.52; }
        // A house: a square under a roof.
        case 5u: {
            let walls = max(abs(p.x) - size * 0.52, abs(p.y + size * 0.28) - size * 0.42);
            let roof = max(abs(p.x) * 0.64 + (p.y - size * 0.78) * 0.77, -p.y + size * 0.08);
            return min(walls, roof);
        }
        // A hospital: a cross.
        case 6u: {
            let a = abs(p);
            return min(max(a.x - size * 0.26, a.y - size * 0.76), max(a.y - size * 0.26, a.x - size * 0.76));
        }
        // A vehicle: an arrowhead with a notch, from its tip to its two corners.
        case 7u: {
            let side = abs(p.x) * 0.939 + (p.y - size * 0.95) * 0.343;
            let notch = -(abs(p.x) * 0.542 + (p.y + size * 0.35) * 0.840);
            return max(side, notch);
        }
        // A hexagon.
        case 8u: {
            let a = abs(p);
            return max(a.x * 0.866 + a.y * 0.5, a.y) - size * 0.60;
        }
        // A drop: a disc under a tip.
        case 9u: {
            let disc = length(p + vec2f(0.0, size * 0.22)) - size * 0.50;
            let tip = max(abs(p.x) * 0.899 + (p.y - size * 0.92) * 0.438, -p.y);
            return min(disc, tip);
        }
        // Bars on one foot.
        case 10u: {
            let low = max(abs(p.x + size * 0.52) - size * 0.17, abs(p.y + size * 0.30) - size * 0.35);
            let high = max(abs(p.x) - size * 0.17, abs(p.y - size * 0.05) - size * 0.70);
            let middle = max(abs(p.x - size * 0.52) - size * 0.17, abs(p.y + size * 0.12) - size * 0.53);
            return min(low, min(high, middle));
        }
        default: { return length(p) - size * 0.5; }
    }
}

fn turned(p: vec2f, heading: u32) -> vec2f {
    // The heading on the screen: north is up where the view looks north.
    let bearing = atan2(frame.forward.x, frame.forward.y);
    let angle = f32(heading) / 256.0 * 6.2831853 - bearing;
    let s = sin(angle);
    let c = cos(angle);
    return vec2f(p.x * c - p.y * s, p.x * s + p.y * c);
}

// Coverage of a count's figures at a place on the plate, in pixels from its middle, y upwards.
fn figure_at(count: u32, p: vec2f) -> f32 {
    let cell = round(FIGURE * frame.viewport.z);
    // From ten thousand on in 万, which is two cells wide.
    let in_wan = count >= 10000u;
    let number = select(count, (count + 5000u) / 10000u, in_wan);
    let n = figures_of(number);
    let width = f32(n + select(0u, 2u, in_wan)) * cell.x;
    let at = vec2f(p.x + floor(width * 0.5), floor(cell.y * 0.5) - p.y);
    if at.x < 0.0 || at.x >= width || at.y < 0.0 || at.y >= cell.y { return 0.0; }
    let k = u32(at.x / cell.x);
    var column = at.x - f32(k) * cell.x;
    var figure = 11u;
    if k < n {
        var rest = number;
        for (var i = k + 1u; i < n; i++) { rest = rest / 10u; }
        figure = rest % 10u;
    } else {
        column = at.x - f32(n) * cell.x;
    }
    return textureLoad(figures, vec2i(i32(f32(figure) * cell.x + column), i32(at.y)), 0).r;
}

fn plate_fragment(in: Varyings) -> vec4f {
    let kind = u32(in.part.x + 0.5);
    let size = in.part.y;
    // A cluster of incidents keeps the shape of their level.
    var d = length(in.place) - size;
    if kind == 3u { d = max(abs(in.place.x), abs(in.place.y)) - size * 0.88; }
    let line = 1.0 * frame.viewport.z;
    let body = clamp(0.5 - d, 0.0, 1.0);
    let rim = clamp(line + 0.5 - abs(d + line), 0.0, 1.0);
    let figure = figure_at(in.more.x, in.place);
    var colour = mix(frame.plate.rgb, in.colour.rgb, rim * select(0.62, 1.0, kind < 8u));
    colour = mix(colour, frame.ink.rgb, figure);
    return vec4f(colour, body * max(max(0.84, rim), figure));
}

@fragment
fn head_fragment(in: Varyings) -> @location(0) vec4f {
    if in.more.x > 1u { return plate_fragment(in); }
    let kind = u32(in.part.x + 0.5);
    let dark = select(frame.ground.rgb * 0.6, vec3f(1.0), frame.ground.g > 0.5);
    if kind >= 8u {
        let glyph = kind - 8u;
        var p = in.place;
        if glyph == 2u || glyph == 7u { p = turned(p, in.more.y); }
        let d = glyph_shape(glyph, p, in.part.y);
        let body = clamp(0.5 - d, 0.0, 1.0);
        let rim = clamp(2.0 - d, 0.0, 1.0);
        // What does not work is an empty outline.
        let hole = f32(in.more.z) * clamp(0.5 - (d + 2.0 * frame.viewport.z), 0.0, 1.0);
        var colour = mix(dark, mix(in.colour.rgb, frame.ink.rgb, in.colour.a), body * (1.0 - hole));
        var alpha = max(body, rim * 0.75);
        if glyph == 2u && in.more.z == 0u {
            // Where it looks: a fan of 64 degrees.
            let away = length(p) / (in.part.y * 2.9);
            let fan = clamp((p.y - length(p) * 0.848) * 0.7 + 0.5, 0.0, 1.0) * clamp((1.0 - away) * 1.4, 0.0, 1.0) * 0.5;
            colour = mix(in.colour.rgb, colour, alpha);
            alpha = max(alpha, fan);
        }
        return vec4f(colour, alpha);
    }
    let d = shape(kind, in.place, in.part.y);
    let body = clamp(0.5 - d, 0.0, 1.0);
    // A dark rim keeps the head apart from whatever lies behind it.
    let rim = clamp(2.5 - d, 0.0, 1.0);
    let core = select(0.0, clamp(0.5 - (d + in.part.y * 0.42), 0.0, 1.0), kind > 0u);
    var colour = mix(dark, in.colour.rgb, body);
    colour = mix(colour, mix(dark, vec3f(1.0), in.colour.a), core * 0.85);
    return vec4f(colour, max(body, rim * 0.75));
}
