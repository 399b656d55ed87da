// One pass of a rule over the elements of one row, block by block: states whose blocks have scales are stored when the largest of each block is known. A workgroup of fewer
// invocations than a block has vectors goes through it in several turns, and holds its states meanwhile.

fn sweep(row: Row, own: StepEntry, h: Hyper, s: Scalars, whole: Sums, tile: Tile, invocation: u32) {
    for (var first = 0u; first < row.count; first += SPAN) {
        var held: array<State, HELD>;
        var largest: array<u32, BLOCKED>;
        for (var turn = 0u; turn < HELD; turn++) {
            let i = first + turn * TURN + 4u * invocation;
            if i < row.count {
                let left = row.count - i;
                let before = value_of(row, i, left);
                var p = before;
                var state = load_state(row, tile, Rows(), Columns(), whole, i, left);
                apply(h, s, own, row, i, left, &p, &state);
                store_state(row, i, left, state);
                store_p(row, i, left, p, before);
                held[turn] = state;
                compare_blocked(&largest, state, left);
            }
        }
        let scales = scales_of(&largest, invocation);
        for (var turn = 0u; turn < HELD; turn++) {
            let i = first + turn * TURN + 4u * invocation;
            if i < row.count {
                store_blocked(row, i, row.count - i, held[turn], scales, turn == 0u && invocation % TEAM == 0u);
            }
        }
    }
}
