// One workgroup goes through the blocks of 4 x 4 of a tile.
fn work(m: Matrix, tile: Tile, invocation: u32) {
    for (var block = invocation; block < ROW_VECTORS * COLUMN_VECTORS; block += INVOCATIONS) {
        work_on(m, tile.row + block / COLUMN_VECTORS, tile.column + block % COLUMN_VECTORS);
    }
}
