// Density of the incidents: each adds a smooth hill to the cells around it.

// Side of the grid of density, and how far a hill reaches, in cells.
const DENSITY_SIDE: i32 = 256;
const REACH: i32 = 4;

@group(1) @binding(0) var<storage, read> markers: array<Marker>;
@group(1) @binding(1) var<storage, read_write> sums: array<atomic<u32>>;

@compute @workgroup_size(64)
fn splat(@builtin(global_invocation_id) id: vec3u) {
    if id.x >= arrayLength(&markers) { return; }
    let marker = markers[id.x];
    if marker.goal.x >= 1e30 { return; }
    let at = place_of(marker) / frame.density.x - frame.density.zw;
    let cell = vec2i(floor(at));
    for (var y = -REACH; y <= REACH; y++) {
        for (var x = -REACH; x <= REACH; x++) {
            let c = cell + vec2i(x, y);
            if any(c < vec2i(0)) || any(c >= vec2i(DENSITY_SIDE)) { continue; }
            // Epanechnikov's kernel: a parabola that ends at the reach.
            let away = (vec2f(c) + 0.5 - at) / f32(REACH);
            let hill = max(1.0 - dot(away, away), 0.0);
            atomicAdd(&sums[c.y * DENSITY_SIDE + c.x], u32(hill * 256.0));
        }
    }
}
