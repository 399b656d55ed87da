// A panel of columns, of which each invocation has the rows of a lane in one.

const LANES: u32 = INVOCATIONS / PANEL;

var<workgroup> sums: array<f32, INVOCATIONS>;

// The sum over all lanes of a column, which each invocation gives a part of.
fn of_column(part: f32, invocation: u32) -> f32 {
    workgroupBarrier();
    sums[invocation] = part;
    workgroupBarrier();
    var sum = 0.0;
    for (var lane = 0u; lane < LANES; lane++) {
        sum += sums[lane * PANEL + invocation % PANEL];
    }
    return sum;
}

fn work(m: Matrix, tile: Tile, invocation: u32) {
    work_on_column(m, tile.column * PANEL + invocation % PANEL, invocation / PANEL, invocation);
}
