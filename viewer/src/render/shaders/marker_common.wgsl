// What a marker is, and where.

const CELLS_SIDE: i32 = 256;
// In 1/256 of a cell's side.
const CELL_STEPS: f32 = 256.0;

struct Marker {
    // Metres east and north of the city's home: where it was, where it is going.
    start: vec2f,
    goal: vec2f,
    // When it set out, how long it travels, when it came to the wall; seconds.
    start_s: f32,
    travel_s: f32,
    arrived_s: f32,
    // Bits 0 to 2: level; 3: chosen; 4 to 7: glyph; 8 to 15: heading; 16: out of order.
    bits: u32,
}

fn place_of(m: Marker) -> vec2f {
    if m.travel_s <= 0.0 { return m.goal; }
    return mix(m.start, m.goal, clamp((frame.eye.w - m.start_s) / m.travel_s, 0.0, 1.0));
}

// The index of the cell at a place; -1 beyond the window around the target.
fn cell_index(place: vec2f) -> i32 {
    let cell = vec2i(floor(place / frame.cells.x));
    let away = abs(cell - vec2i(frame.cells.zw));
    if max(away.x, away.y) >= CELLS_SIDE / 2 { return -1; }
    let wrapped = cell & vec2i(CELLS_SIDE - 1);
    return wrapped.y * CELLS_SIDE + wrapped.x;
}
