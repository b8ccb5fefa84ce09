// Ground without an end, and the sky over it.

struct Varyings {
    @builtin(position) position: vec4f,
    @location(0) ray: vec3f,
}

@vertex
fn vertex(@builtin(vertex_index) index: u32) -> Varyings {
    let corner = vec2f(f32(index & 1u) * 4.0 - 1.0, f32(index >> 1u) * 4.0 - 1.0);
    var out: Varyings;
    out.position = vec4f(corner, 0.0, 1.0);
    out.ray = ray_at(corner);
    return out;
}

@fragment
fn fragment(in: Varyings) -> @location(0) vec4f {
    let ray = normalize(in.ray);
    var colour: vec3f;
    if ray.z < -0.0005 {
        colour = mix(frame.ground.rgb, frame.haze.rgb, haze_at(frame.relief.w / ray.z));
    } else {
        colour = mix(frame.haze.rgb, frame.zenith.rgb, 1.0 - exp(-max(ray.z, 0.0) * 9.0));
    }
    // Half a step of noise, the same in every frame, so that slow gradients show no bands.
    let noise = fract(52.9829189 * fract(dot(floor(in.position.xy) + frame.lens.zw, vec2f(0.06711056, 0.00583715)))) - 0.5;
    return vec4f(colour + noise / 255.0, 1.0);
}
