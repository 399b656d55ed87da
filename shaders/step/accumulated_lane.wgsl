// Accumulated gradients in f32 are the first lane, whatever the rule.
fn load_accumulated(row: Row, i: u32, left: u32) -> vec4f {
    return load_lane(lane_at(row, 0u, i), left);
}

fn store_accumulated(row: Row, pending: u32, i: u32, left: u32, x: vec4f, old: vec4f) {
    store_lane(lane_at(row, 0u, i), left, x, old);
}
