// Which tile of which matrix a workgroup has. A matrix has `rows` rows and no fewer columns: a tall one is worked on as its transpose. Rows and columns are
// padded to multiples of four with zeros, so that everything is loaded and stored in blocks of 4 x 4, as four vectors.

const ZEROS: Block = Block(Vector(), Vector(), Vector(), Vector());

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
    work(m, tile, invocation);
}
