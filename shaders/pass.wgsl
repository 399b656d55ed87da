// One workgroup passes over one row of its bucket: at most 4,096 consecutive elements of one parameter, four per invocation and turn.
// 64 invocations are the fastest size on llvmpipe and two warps on NVIDIA.

const INVOCATIONS: u32 = 64u;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) invocation: u32,
) {
    // More workgroups than one dimension holds are folded into two; the last line of the fold may be partly empty.
    let index = workgroup.y * workgroups.x + workgroup.x;
    if index >= arrayLength(&rows) {
        return;
    }
    let row = rows[index];
    if idle(row.record) {
        return;
    }
    let h = load_hyper(row.hyper);
    let s = load_scalars(row.record + 2u);
    for (var i = 4u * invocation; i < row.count; i += 4u * INVOCATIONS) {
        let left = row.count - i;
        var p = load_value(row.value + i, left);
        var state = load_state(row.state + i);
        apply(h, s, load_gradient(row.gradient + i, left), &p, &state);
        store_state(row.state + i, state);
        store_value(row.value + i, left, p);
    }
}
