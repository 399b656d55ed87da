// One workgroup sorts one tile of entries; tiles are merged afterwards.

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) invocation: u32,
) {
    let end = entry_count();
    let start = (workgroup.y * workgroups.x + workgroup.x) * TILE;
    if start >= end {
        return;
    }
    let size = min(TILE, end - start);
    sort_tile(start, size, invocation);
    for (var i = invocation; i < size; i += INVOCATIONS) {
        keys_after[start + i] = keys[i];
        entries_after[start + i] = scratch[i];
    }
}
