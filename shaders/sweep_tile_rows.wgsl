// The same several rows at once, from their first column to their last: software adapters read on. What columns have is loaded, and what is added up over them
// is kept, once for all of these rows. A tile of few columns has several rows beside one another. Nobody waits before all is done: what llvmpipe has to keep
// while invocations wait for each other is not in registers (Adafactor's first stage took 19 ms with a wait after each band, and takes 12).
fn sweep(row: Row, own: StepEntry, h: Hyper, s: Scalars, whole: Sums, tile: Tile, invocation: u32) {
    let beside = min((row.width + 3u) / 4u, INVOCATIONS);
    let below = INVOCATIONS / beside;
    let begin = invocation % beside;
    let down = invocation / beside;
    if down < below {
        var k = 0u;
        for (; k + AT_ONCE * below <= row.height; k += AT_ONCE * below) {
            rows_at_once(row, own, h, s, whole, tile, k + down, begin, beside, below);
        }
        for (; k < row.height; k += below) {
            if k + down < row.height {
                one_row(row, own, h, s, whole, tile, k + down, begin, beside, below);
            }
        }
    }
}
