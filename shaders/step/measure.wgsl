// One workgroup measures one row's gradients. A sum has 8 roundings an invocation, 2 across a vector and 6 over the workgroup; where a workgroup has
// only eight invocations, 36, 2 and 3.
fn work(row: Row, invocation: u32) {
    if entries[row.member].taking_part == 0u {
        return;
    }
    let sum = gather(invocation, sum_of(measured(row, invocation), Tally()));
    if invocation == 0u {
        sums[row.partial] = sum;
    }
}

// Plain squares, unless some may have become infinite or 0: then once more, from the cache, with care.
fn measured(row: Row, invocation: u32) -> Tally {
    var total = vec4f(0.0);
    var largest = vec4u(0u);
    let own = span(row, invocation);
    for (var i = own.begin; i < own.end;) {
        var part = vec4f(0.0);
        for (var turn = 0u; turn < 4u && i < own.end; turn++) {
            let left = row.count - i;
            var x = whole_gradient(row, i, left);
            if left < 4u {
                x = within(x, left);
            }
            part += x * x;
            largest = max(largest, magnitudes(x));
            i += TURN;
        }
        total += part;
    }
    if is_plain(largest) {
        return plain(total, largest);
    }
    var careful = Tally();
    for (var i = own.begin; i < own.end;) {
        var part = Tally();
        for (var turn = 0u; turn < 4u && i < own.end; turn++) {
            let left = row.count - i;
            part = tallied(part, within(whole_gradient(row, i, left), left));
            i += TURN;
        }
        careful = both(careful, part);
    }
    return careful;
}
