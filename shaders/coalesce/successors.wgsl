// For each row before, the first row now that takes its state over, as what BAD is more than its number; 0 where there is none. The largest wins, whoever comes first.
@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) invocation: u32,
) {
    let turn = workgroups.y * workgroups.x * INVOCATIONS;
    for (var i = (workgroup.y * workgroups.x + workgroup.x) * INVOCATIONS + invocation; i < task.rows; i += turn) {
        let row = index[task.index_at + i];
        if row < task.rows_before {
            atomicMax(&successors[row], BAD - i);
        }
    }
}
