// One workgroup sorts all entries and finds their runs, where they are few enough for its memory.

fn key_at(i: u32) -> u32 {
    return keys[i];
}

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(local_invocation_index) invocation: u32) {
    let end = entry_count();
    sort_tile(0u, end, invocation);
    for (var i = invocation; i < end; i += INVOCATIONS) {
        entries_after[i] = scratch[i];
    }
    workgroupBarrier();
    let all = place_runs(0u, end, end, vec2u(0u), invocation);
    if invocation == 0u {
        found[0] = all.x;
        found[3] = all.y;
        if end == 0u {
            found[1] = 0u;
            found[2] = 0u;
        }
    }
}
