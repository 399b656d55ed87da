// One pass of a rule over a tile. Invocations lie beside one another in a row of it, as many as it has vectors, and the others in further rows.
fn sweep(row: Row, own: StepEntry, h: Hyper, s: Scalars, whole: Sums, tile: Tile, invocation: u32) {
    let vectors = (row.width + 3u) / 4u;
    let beside = min(vectors, INVOCATIONS);
    let below = INVOCATIONS / beside;
    if invocation >= beside * below {
        return;
    }
    for (var v = invocation % beside; v < vectors; v += beside) {
        let left = row.width - 4u * v;
        let columns = columns_of(tile, 4u * v, left);
        var k = invocation / beside;
        var turns = 0u;
        for (; k + (AT_ONCE - 1u) * below < row.height; k += AT_ONCE * below) {
            turns_at_once(row, own, h, s, whole, tile, columns, vectors, v, left, k, below);
            turns += AT_ONCE;
            if turns % 8u == 0u {
                end_turns();
            }
        }
        for (; k < row.height; k += below) {
            turn(row, own, h, s, whole, tile, columns, vectors, v, left, k, below);
        }
        end_turns();
        end_column(row, v, below);
    }
}
