// Copies the entries of a micro-batch to their places in the list of those of several, bit for bit; gradient rows in 16 bits become f32.

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) invocation: u32,
) {
    let first = (workgroup.y * workgroups.x + workgroup.x) * INVOCATIONS + invocation;
    let turn = workgroups.y * workgroups.x * INVOCATIONS;
    let base = list[BASE];
    let taken = list[TAKEN];
    for (var i = first; i < taken; i += turn) {
        list[LIST_ROWS + base + i] = rows[task.rows_at + i];
    }
    for (var i = first; i < taken * task.width; i += turn) {
        appended[base * task.width + i] = words_at(task.gradient_at + i);
    }
}
