// One workgroup forms one tile of one matrix's product. Each sum is over ascending depth, whatever the tiles and the adapter.

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) invocation: u32,
) {
    let number = workgroup.y * workgroups.x + workgroup.x;
    if number >= arrayLength(&tiles) {
        return;
    }
    let tile = tiles[number];
    let m = matrices[tile.matrix];
    if !is_active(m) {
        return;
    }
    let down = invocation / ACROSS;
    let across = invocation % ACROSS;
    store_sums(m, tile, multiplied(m, tile, down, across, invocation), down, across);
}
