// One workgroup measures one row's gradients. A sum has 8 roundings an invocation, 2 across a vector and 6 over the workgroup.
fn work(row: Row, invocation: u32) {
    if entries[row.member].taking_part == 0u {
        return;
    }
    var part = Tally();
    var total = Tally();
    for (var i = 4u * invocation; i < row.count; i += 4u * INVOCATIONS) {
        let left = row.count - i;
        part = tallied(part, within(whole_gradient(row, i, left), left));
        if (i / (4u * INVOCATIONS)) % 4u == 3u {
            total = both(total, part);
            part = Tally();
        }
    }
    let sum = gather(invocation, sum_of(both(total, part), Tally()));
    if invocation == 0u {
        sums[row.partial] = sum;
    }
}
