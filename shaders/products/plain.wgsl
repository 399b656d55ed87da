// Each invocation forms blocks of a product from what it loads itself.

fn multiplied(m: Matrix, tile: Tile, down: u32, across: u32, invocation: u32) -> Sums {
    let depth = depth_of(m);
    var sums = Sums();
    for (var slice = 0u; slice < depth; slice++) {
        sums = with_blocks(sums, m, slice, tile.row + down, tile.column + across);
    }
    return sums;
}
