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
    if idle(row, invocation) {
        return;
    }
    let h = load_hyper(row.hyper);
    let s = load_scalars(row.record + SCALARS);
    for (var i = 4u * invocation; i < row.count; i += 4u * INVOCATIONS) {
        let left = row.count - i;
        var p = load_value(row.value + i, left);
        var state = load_state(row, i);
        apply(h, s, row, i, left, &p, &state);
        store_state(row, i, state);
        store_value(row.value + i, left, p);
    }
    finish(row, invocation);
}
