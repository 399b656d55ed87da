// One pass of a rule over the elements of one row, whose states have scales for their blocks. Each invocation has blocks of its own, and holds what it has formed of one until the largest
// of it is known. To llvmpipe waiting for other invocations costs more, and so does going through a block twice.

fn sweep(row: Row, own: StepEntry, h: Hyper, s: Scalars, whole: Sums, tile: Tile, invocation: u32) {
    for (var first = BLOCK * invocation; first < row.count; first += BLOCK * INVOCATIONS) {
        let block = place_of(row, first);
        if block.left == 0u {
            continue;
        }
        let vectors = (min(BLOCK, block.left) + 3u) / 4u;
        var largest: array<u32, BLOCKED>;
        begin_blocks(row, block.i);
        for (var k = 0u; k < vectors; k++) {
            // A list's gradients are where this says.
            let i = place_of(row, first + 4u * k).i;
            let left = block.left - 4u * k;
            let before = value_of(row, i, left);
            var p = before;
            var state = load_state(row, tile, Rows(), Columns(), whole, i, left);
            apply(h, s, own, row, i, left, &p, &state);
            store_state(row, i, left, state);
            store_p(row, i, left, p, before);
            let x = blocked_of(state, left);
            compare_blocked(&largest, x);
            hold_blocked(k, x);
        }
        var scales: array<f32, BLOCKED>;
        for (var lane = 0u; lane < BLOCKED; lane++) {
            scales[lane] = bitcast<f32>(max(LEAST_SCALE, largest[lane]));
        }
        for (var k = 0u; k < vectors; k++) {
            store_blocked(row, block.i + 4u * k, held_blocked(k), scales);
        }
        store_scales(row, block.i, scales);
    }
}
