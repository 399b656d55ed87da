// One workgroup measures one row's gradients. With 256 invocations a sum has 7 roundings an invocation, 2 across a vector and 8 over the workgroup; with
// eight, 35, 2 and 3.
fn work(row: Row, invocation: u32) {
    if entries[row.member].taking_part == 0u {
        return;
    }
    let sum = gather(invocation, sum_of(measured(row, invocation), Tally()));
    if invocation == 0u {
        sums[row.partial] = sum;
    }
}
