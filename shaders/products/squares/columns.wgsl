// One workgroup goes through the columns of a panel, each for itself.
fn work(m: Matrix, tile: Tile, invocation: u32) {
    work_on_column(m, tile.column * PANEL + invocation % PANEL, invocation / PANEL, invocation);
}
