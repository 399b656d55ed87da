// One workgroup forms one tile of one matrix's product. Each sum is over ascending depth, whatever the tiles and the adapter.

fn work(m: Matrix, tile: Tile, invocation: u32) {
    let down = invocation / ACROSS;
    let across = invocation % ACROSS;
    store_sums(m, tile, multiplied(m, tile, down, across, invocation), down, across);
}
