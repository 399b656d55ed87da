// Plain squares, unless some may have become infinite or 0: then once more, from the cache, with care.
fn measured(row: Row, invocation: u32) -> Tally {
    var total = vec4f(0.0);
    var largest = vec4u(0u);
    var i = 4u * invocation;
    // Four turns at once, without looking for the row's end: as many loads are under way.
    for (let whole = row.count / (4u * TURN) * (4u * TURN); i < whole; i += 4u * TURN) {
        let a = whole_gradient(row, i, 4u);
        let b = whole_gradient(row, i + TURN, 4u);
        let c = whole_gradient(row, i + 2u * TURN, 4u);
        let d = whole_gradient(row, i + 3u * TURN, 4u);
        total += (a * a + b * b) + (c * c + d * d);
        largest = max(largest, max(max(magnitudes(a), magnitudes(b)), max(magnitudes(c), magnitudes(d))));
    }
    var rest = vec4f(0.0);
    for (; i < row.count; i += TURN) {
        let left = row.count - i;
        let x = within(whole_gradient(row, i, left), left);
        rest += x * x;
        largest = max(largest, magnitudes(x));
    }
    if is_plain(largest) {
        return plain(total + rest, largest);
    }
    return careful(row, invocation);
}

fn careful(row: Row, invocation: u32) -> Tally {
    var total = Tally();
    for (var i = 4u * invocation; i < row.count;) {
        var part = Tally();
        for (var turn = 0u; turn < 4u && i < row.count; turn++) {
            let left = row.count - i;
            part = tallied(part, within(whole_gradient(row, i, left), left));
            i += TURN;
        }
        total = both(total, part);
    }
    return total;
}
