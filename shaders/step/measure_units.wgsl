// One workgroup measures gradients and values of one part of a unit, or an invocation each of several whole units.
fn work(row: Row, invocation: u32) {
    if entries[row.member].taking_part == 0u {
        return;
    }
    if row.unit_length == 0u {
        let sum = gather(invocation, measured(row, 4u * invocation, row.count, 4u * INVOCATIONS));
        if invocation == 0u {
            sums[row.partial] = sum;
        }
        return;
    }
    for (var unit = invocation; unit < row.count / row.unit_length; unit += INVOCATIONS) {
        sums[row.partial + unit] = measured(row, unit * row.unit_length, (unit + 1u) * row.unit_length, 4u);
    }
}

// Of the elements from `begin` to `end` of the row, four each `stride`.
fn measured(row: Row, begin: u32, end: u32, stride: u32) -> Sum {
    var gradient_part = Tally();
    var value_part = Tally();
    var gradient = Tally();
    var value = Tally();
    var turn = 0u;
    for (var i = begin; i < end; i += stride) {
        let left = end - i;
        gradient_part = tallied(gradient_part, within(whole_gradient(row, i, left), left));
        value_part = tallied(value_part, within(load_value(row.value + i, left), left));
        turn++;
        if turn % 8u == 0u {
            gradient = both(gradient, gradient_part);
            value = both(value, value_part);
            gradient_part = Tally();
            value_part = Tally();
        }
    }
    return sum_of(both(gradient, gradient_part), both(value, value_part));
}
