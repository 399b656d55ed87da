// One pass of a rule over the elements of one row, several blocks a turn: states whose blocks have scales are stored when the largest of each block is known.

fn sweep(row: Row, own: StepEntry, h: Hyper, s: Scalars, whole: Sums, tile: Tile, invocation: u32) {
    for (var first = 0u; first < row.count; first += TURN) {
        let place = place_of(row, first + 4u * invocation);
        let i = place.i;
        let left = place.left;
        var x: array<vec4f, BLOCKED>;
        var largest: array<u32, BLOCKED>;
        if left > 0u {
            begin_blocks(row, i);
            let before = value_of(row, i, left);
            var p = before;
            var state = load_state(row, tile, Rows(), Columns(), whole, i, left);
            apply(h, s, own, row, i, left, &p, &state);
            store_state(row, i, left, state);
            store_p(row, i, left, p, before);
            x = blocked_of(state, left);
            compare_blocked(&largest, x);
        }
        let scales = scales_of(&largest, invocation);
        if left > 0u {
            store_blocked(row, i, x, scales);
            if invocation % TEAM == 0u {
                store_scales(row, i, scales);
            }
        }
    }
}
