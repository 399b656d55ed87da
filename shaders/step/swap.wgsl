// Exchanges the values of one row with their average, where there is one.

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) invocation: u32,
) {
    let index = row_index(workgroup, workgroups);
    if index >= arrayLength(&rows) {
        return;
    }
    let row = rows[index];
    if record[row.record + STEP] < FIRST {
        return;
    }
    for (var i = 4u * invocation; i < row.count; i += 4u * INVOCATIONS) {
        let left = row.count - i;
        let at = lane_at(row, LANE, i);
        let p = load_value(row.value + i, left);
        store_value(row.value + i, left, states[at]);
        states[at] = p;
    }
}
