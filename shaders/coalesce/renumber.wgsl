// Entries that are pending are for the row that their row has become; those of a row that is gone are for none, and are counted with others of that kind.
@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) invocation: u32,
) {
    let turn = workgroups.y * workgroups.x * INVOCATIONS;
    let kept = min(list[KEPT], task.room);
    for (var i = (workgroup.y * workgroups.x + workgroup.x) * INVOCATIONS + invocation; i < kept; i += turn) {
        let row = list[LIST_ROWS + i];
        var now = BAD;
        if row < task.rows_before {
            now = row_now(row);
        }
        list[LIST_ROWS + i] = now;
    }
}
