// One workgroup measures one row's gradients. With 256 invocations a sum of squares has 8 roundings an invocation, 2 across a vector and 9 over the
// workgroup; with eight, 36, 2 and 3.
fn work(row: Row, invocation: u32) {
    if parameters[row.member].is_active == 0u {
        return;
    }
    let sum = gather(invocation, sum_of(measured(row, invocation), Tally()));
    if invocation == 0u {
        sums[row.partial] = sum;
    }
}
