// One workgroup writes where the runs are that begin in one tile of sorted entries. How many there are before it, it adds up itself.

var<workgroup> totals: array<atomic<u32>, 2>;
var<workgroup> scratch: array<u32, INVOCATIONS>;

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
        if tile == 0u && invocation < HEAD {
            found[invocation] = 0u;
        }
        return;
    }
    var own = vec2u(0u);
    for (var other = invocation; other < tile; other += INVOCATIONS) {
        own += tallies[other];
    }
    atomicAdd(&totals[0], own.x);
    atomicAdd(&totals[1], own.y);
    workgroupBarrier();
    let before = vec2u(atomicLoad(&totals[0]), atomicLoad(&totals[1]));
    let all = place_runs(start, min(start + TILE, end), end, before, invocation);
    if end - start <= TILE && invocation == 0u {
        found[0] = all.x;
        found[3] = all.y;
    }
}
