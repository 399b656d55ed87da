// One pass of a rule over a tile. Invocations lie beside one another in a row of it, as many as it has vectors, and the others in further rows. A tall tile is gone
// through band by band, since a workgroup keeps what only so many rows add up.
fn sweep(row: Row, own: StepEntry, h: Hyper, s: Scalars, whole: Sums, tile: Tile, invocation: u32) {
    let vectors = (row.width + 3u) / 4u;
    let beside = min(vectors, INVOCATIONS);
    let below = INVOCATIONS / beside;
    let band = band_height(row, vectors);
    for (var first = 0u; first < row.height; first += band) {
        let end = min(first + band, row.height);
        if invocation < beside * below {
            sweep_band(row, own, h, s, whole, tile, first, end, invocation);
        }
        end_band(row, first, end, invocation);
    }
}

fn sweep_band(row: Row, own: StepEntry, h: Hyper, s: Scalars, whole: Sums, tile: Tile, first: u32, end: u32, invocation: u32) {
    let vectors = (row.width + 3u) / 4u;
    let beside = min(vectors, INVOCATIONS);
    let below = INVOCATIONS / beside;
    for (var v = invocation % beside; v < vectors; v += beside) {
        let left = row.width - 4u * v;
        let columns = columns_of(tile, 4u * v, left);
        var k = first + invocation / beside;
        var turns = 0u;
        for (; k + (AT_ONCE - 1u) * below < end; k += AT_ONCE * below) {
            turns_at_once(row, own, h, s, whole, tile, columns, first, vectors, v, left, k, below);
            turns += AT_ONCE;
            if turns % 8u == 0u {
                end_turns();
            }
        }
        for (; k < end; k += below) {
            turn(row, own, h, s, whole, tile, columns, first, vectors, v, left, k, below);
        }
        end_turns();
        if end == row.height {
            end_column(row, v, below);
        }
    }
}
