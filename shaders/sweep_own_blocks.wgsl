// One pass of a rule over the elements of one row, whose states have scales for their blocks. Each invocation has blocks of its own, and goes through them twice: it forms the states to find
// the largest of the block, and forms them again to store them. llvmpipe takes longer to keep what was formed, or to wait for other invocations.

fn sweep(row: Row, own: StepEntry, h: Hyper, s: Scalars, whole: Sums, tile: Tile, invocation: u32) {
    for (var first = BLOCK * invocation; first < row.count; first += BLOCK * INVOCATIONS) {
        let end = min(first + BLOCK, row.count);
        var largest: array<u32, BLOCKED>;
        begin_blocks(row, first);
        for (var i = first; i < end; i += 4u) {
            let left = row.count - i;
            var p = value_of(row, i, left);
            var state = load_state(row, tile, Rows(), Columns(), whole, i, left);
            form(h, s, own, row, i, left, &p, &state);
            compare_blocked(&largest, state, left);
        }
        var scales: array<f32, BLOCKED>;
        for (var lane = 0u; lane < BLOCKED; lane++) {
            scales[lane] = bitcast<f32>(max(LEAST_SCALE, largest[lane]));
        }
        for (var i = first; i < end; i += 4u) {
            let left = row.count - i;
            let before = value_of(row, i, left);
            var p = before;
            var state = load_state(row, tile, Rows(), Columns(), whole, i, left);
            apply(h, s, own, row, i, left, &p, &state);
            store_state(row, i, left, state);
            store_p(row, i, left, p, before);
            store_blocked(row, i, left, state, scales);
        }
        store_scales(row, first, scales);
    }
}
