// Counts the runs that begin in each tile of sorted entries, and the long ones. In whole numbers, so the order does not matter.

var<workgroup> totals: array<atomic<u32>, 2>;

fn key_at(i: u32) -> u32 {
    return keys[i];
}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) invocation: u32,
) {
    let end = entry_count();
    let tile = workgroup.y * workgroups.x + workgroup.x;
    let start = tile * TILE;
    if start >= end {
        return;
    }
    let stop = min(start + TILE, end);
    var own = vec2u(0u);
    for (var i = start + invocation; i < stop; i += INVOCATIONS) {
        let begin = begins(i, end);
        own += vec2u(begin % LONG, begin / LONG);
    }
    atomicAdd(&totals[0], own.x);
    atomicAdd(&totals[1], own.y);
    workgroupBarrier();
    if invocation == 0u {
        tallies[tile] = vec2u(atomicLoad(&totals[0]), atomicLoad(&totals[1]));
    }
}
