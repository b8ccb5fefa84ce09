// The ground around the target from above, for what is in no tile: metres above the eye.

@group(0) @binding(2) var from_above: texture_2d<f32>;

fn ground_at_texel(at: vec2i) -> f32 {
    return textureLoad(from_above, at, 0).r;
}

// How high the ground is at a place, both relative to the eye. Beyond the window it is as at its edge.
fn ground_below(place: vec2f) -> f32 {
    // No branch: a software driver makes the whole shader anew in every frame for what a uniform alone decides.
    let is_level = frame.relief.z <= 0.0;
    let at = clamp((place - frame.relief.xy) / select(frame.relief.z, 1.0, is_level) - 0.5, vec2f(0.0), vec2f(WINDOW_SIDE - 1.01));
    let cell = vec2i(at);
    let t = fract(at);
    let low = mix(ground_at_texel(cell), ground_at_texel(cell + vec2i(1, 0)), t.x);
    let high = mix(ground_at_texel(cell + vec2i(0, 1)), ground_at_texel(cell + vec2i(1, 1)), t.x);
    return select(mix(low, high, t.y), frame.relief.w, is_level);
}
