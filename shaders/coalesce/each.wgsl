// Goes through rows or entries, `count()` of them, each given to `visit`.
@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) invocation: u32,
) {
    let turn = workgroups.y * workgroups.x * INVOCATIONS;
    let all = count();
    for (var i = (workgroup.y * workgroups.x + workgroup.x) * INVOCATIONS + invocation; i < all; i += turn) {
        visit(i);
    }
}
