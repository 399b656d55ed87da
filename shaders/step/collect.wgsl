// Puts the parts of a table, which as many dispatches have filled, one after the other into one table; `collect` is generated.

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) invocation: u32,
) {
    collect((workgroup.y * workgroups.x + workgroup.x) * INVOCATIONS + invocation);
}
