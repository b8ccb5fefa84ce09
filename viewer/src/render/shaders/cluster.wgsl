// Counts markers into cells on the ground. A cell is emptied before every frame.

@group(1) @binding(0) var<storage, read> markers: array<Marker>;
@group(1) @binding(1) var<storage, read_write> cells: array<AtomicCell>;

struct AtomicCell {
    count: atomic<u32>,
    // The greatest of its markers' numbers, each plus one.
    speaker: atomic<u32>,
    // Sums of the places in the cell, in steps.
    x: atomic<u32>,
    y: atomic<u32>,
}

// A marker beyond the end of the list has no place.
const NOWHERE: f32 = 1e30;

@compute @workgroup_size(64)
fn count(@builtin(global_invocation_id) id: vec3u) {
    if id.x >= arrayLength(&markers) { return; }
    let marker = markers[id.x];
    if marker.goal.x >= NOWHERE || (marker.bits & 8u) != 0u { return; }
    let place = place_of(marker);
    let index = cell_index(place);
    if index < 0 { return; }
    let step = vec2u((place / frame.cells.x - floor(place / frame.cells.x)) * CELL_STEPS);
    atomicAdd(&cells[index].count, 1u);
    atomicMax(&cells[index].speaker, id.x + 1u);
    atomicAdd(&cells[index].x, step.x);
    atomicAdd(&cells[index].y, step.y);
}
