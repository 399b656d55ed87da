// One workgroup brings a basis Q up to date: the columns of S Q, which are there, plus a small part of Q, so that none vanishes, by falling diagonals of Q^T S Q; then these orthogonalized by
// Gram and Schmidt's method, modified, twice. Each invocation has columns of its own, so that the sums do not depend on the number of invocations.

fn new_at(m: Matrix, row: u32, column: u32) -> u32 {
    return m.work + vectors_of(m) + row * m.size + column;
}

fn find_order(m: Matrix, invocation: u32) {
    for (var column = invocation; column < m.size; column += INVOCATIONS) {
        var sum = 0.0;
        for (var row = 0u; row < m.size; row++) {
            sum += squares[m.into + row * m.size + column] * numbers[m.work + row * m.size + column];
        }
        numbers[m.work + values_of(m) + column] = sum;
    }
}

fn place_columns(m: Matrix, invocation: u32) {
    let trace = trace_of(m);
    var factor = 0.0;
    var shift = 1.0;
    if trace != 0.0 {
        factor = 1.0 / trace;
        shift = SHIFT;
    }
    for (var column = invocation; column < m.size; column += INVOCATIONS) {
        let place = rank_of(m, column);
        numbers[m.work + turns_of(m) + column] = f32(place);
        var sum = 0.0;
        for (var row = 0u; row < m.size; row++) {
            let at = row * m.size + column;
            let x = factor * numbers[m.work + at] + shift * squares[m.into + at];
            numbers[new_at(m, row, place)] = x;
            sum += x * x;
        }
        let length = 1.0 / sqrt(sum);
        for (var row = 0u; row < m.size; row++) {
            numbers[new_at(m, row, place)] *= length;
        }
    }
}

fn square_of(m: Matrix, column: u32) -> f32 {
    var sum = 0.0;
    for (var row = 0u; row < m.size; row++) {
        let x = numbers[new_at(m, row, column)];
        sum += x * x;
    }
    return sum;
}

fn subtract(m: Matrix, first: u32, invocation: u32) {
    let square = square_of(m, first);
    for (var other = first + 1u + invocation; other < m.size; other += INVOCATIONS) {
        var sum = 0.0;
        for (var row = 0u; row < m.size; row++) {
            sum += numbers[new_at(m, row, first)] * numbers[new_at(m, row, other)];
        }
        let part = sum / square;
        for (var row = 0u; row < m.size; row++) {
            numbers[new_at(m, row, other)] -= part * numbers[new_at(m, row, first)];
        }
    }
}

fn normalize_columns(m: Matrix, invocation: u32) {
    for (var column = invocation; column < m.size; column += INVOCATIONS) {
        let length = 1.0 / sqrt(square_of(m, column));
        for (var row = 0u; row < m.size; row++) {
            numbers[new_at(m, row, column)] *= length;
        }
    }
}

// From column `tile.row` to column `tile.column`, those of the second time counted on.
fn work(m: Matrix, tile: Tile, invocation: u32) {
    if tile.row == 0u {
        find_order(m, invocation);
        storageBarrier();
        place_columns(m, invocation);
    }
    for (var at = tile.row; at < tile.column; at++) {
        storageBarrier();
        subtract(m, at % m.size, invocation);
        if at % m.size + 1u == m.size {
            storageBarrier();
            normalize_columns(m, invocation);
        }
    }
}
