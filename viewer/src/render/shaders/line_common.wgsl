// A line's segment as a quad on the screen. Whoever uses this declares `tile`.

// Bits of a line's style: it goes on before its first end, after its second one.
const GOES_ON: vec2u = vec2u(256u, 512u);
// A line that covers more than this is not seen through.
const OPAQUE: f32 = 0.9;

struct LineCorner {
    position: vec4f,
    // Along and across the segment in pixels; its length; half its width.
    place: vec4f,
    // Where it is along the whole segment: 0 at its first end, 1 at its second.
    share: f32,
    // How far it covers what is below, how much it is a band and no longer a line of light, how far it is in haze.
    cover: f32,
    dim: f32,
    hazy: f32,
    // False if all of it is behind the eye.
    is_seen: bool,
}

fn line_corner(record: vec4u, corner: vec2f, style: Style) -> LineCorner {
    var out: LineCorner;
    var a = tile.origin.xyz + vec3f(xy(record.x) * tile.origin.w, f32(record.w & 0xffffu) * 0.1);
    var b = tile.origin.xyz + vec3f(xy(record.y) * tile.origin.w, f32(record.w >> 16u) * 0.1);
    if tile.relief.w > 0.5 {
        a.z = ground_below(a.xy);
        b.z = ground_below(b.xy);
    }
    // Ends behind the eye are brought before it, since behind it the screen has no place for them.
    let near = 0.01 * frame.forward.w;
    let da = dot(a, frame.forward.xyz) - near;
    let db = dot(b, frame.forward.xyz) - near;
    if da < 0.0 && db < 0.0 {
        out.position = vec4f(0.0, 0.0, 2.0, 1.0);
        return out;
    }
    out.is_seen = true;
    var ends = vec2f(0.0, 1.0);
    if da < 0.0 {
        ends.x = da / (da - db);
        a = mix(a, b, ends.x);
    }
    if db < 0.0 {
        ends.y = 1.0 - db / (db - da);
        b = mix(b, a, db / (db - da));
    }
    let ca = clip_of(a);
    let cb = clip_of(b);
    let half_view = frame.viewport.xy * 0.5;
    let pa = ca.xy / ca.w * half_view;
    let pb = cb.xy / cb.w * half_view;
    let span = pb - pa;
    let len = length(span);
    let along = select(vec2f(1.0, 0.0), span / max(len, 1e-6), len > 1e-4);
    let across = vec2f(-along.y, along.x);
    let here = mix(ca, cb, corner.x);
    let natural = style.size.x * frame.viewport.w / here.w;
    let least = style.size.y * frame.viewport.z;
    let width = clamp(natural, least, max(style.size.z * frame.viewport.z, least));
    let alpha = style.colour.a * pow(min(natural / least, 1.0), style.size.w);
    // Near, a road is a band and no longer a line of light: it dims as it widens. Opacity stays,
    // so that the joints of its segments do not show.
    out.dim = 0.62 * smoothstep(2.0, 7.0, width / frame.viewport.z);
    let reach = width * 0.5 + 1.0;
    let side = corner.y * 2.0 - 1.0;
    let beyond = corner.x * 2.0 - 1.0;
    let middle = mix(a, b, corner.x);
    out.hazy = haze_at(length(middle));
    out.cover = mix(alpha, 1.0, out.dim) * (1.0 - 0.7 * out.hazy);
    // Where its next piece goes on it ends at the very end if it can be seen through, so that nothing is drawn twice.
    let goes_on = (record.z & select(GOES_ON.x, GOES_ON.y, corner.x > 0.5)) != 0u;
    let past = select(reach, 0.0, goes_on && out.cover < OPAQUE);
    let offset = along * (beyond * past) + across * (side * reach);
    out.position = vec4f(here.xy + offset / half_view * here.w, here.zw);
    out.place = vec4f(corner.x * len + beyond * past, side * reach, len, width * 0.5);
    out.share = mix(ends.x, ends.y, corner.x) + beyond * past / max(len, 1.0) * (ends.y - ends.x);
    if tile.relief.x > 0.0 {
        // Its far side lies on ground that is farther than its middle: it is brought forward by that much.
        let flatness = length(middle.xy) / max(-middle.z, 0.05 * length(middle.xy));
        out.position.z *= 1.0 + NEARER + 1.5 * reach * flatness / frame.viewport.w;
    }
    return out;
}
