// One workgroup turns a symmetric square, divided by its trace, towards a diagonal one, and the identity with it towards its eigenvectors: from round `tile.row` to round `tile.column`.
// In a round, half as many rotations as there are rows turn all rows and columns, each once. The order is that of the twin, whatever the number of invocations.

// The two indices that a rotation turns; the second is `size` where the first stays as it is.
fn pair_of(m: Matrix, round: u32, number: u32) -> vec2u {
    let others = 2u * pairs_of(m) - 1u;
    let first = select((round + number) % others, others, number == 0u);
    let second = (round + others - number) % others;
    return vec2u(min(first, second), max(first, second));
}

fn pairs_of(m: Matrix) -> u32 {
    return (m.size + 1u) / 2u;
}

fn number_at(m: Matrix, row: u32, column: u32) -> f32 {
    if row >= m.size || column >= m.size {
        return 0.0;
    }
    return numbers[m.work + row * m.size + column];
}

fn keep_number(m: Matrix, row: u32, column: u32, x: f32) {
    if row < m.size && column < m.size {
        numbers[m.work + row * m.size + column] = x;
        numbers[m.work + column * m.size + row] = x;
    }
}

// The cosine, the sine and the tangent of a rotation.
fn turn_of(first: f32, off: f32, second: f32) -> vec3f {
    // A NaN turns, so that it spreads.
    if abs(off) < SMALLEST {
        return vec3f(1.0, 0.0, 0.0);
    }
    let difference = second - first;
    let twice = off + off;
    let root = abs(difference) + sqrt(difference * difference + twice * twice);
    let tangent = select(twice, -twice, difference < 0.0) / root;
    let cosine = 1.0 / sqrt(1.0 + tangent * tangent);
    return vec3f(cosine, tangent * cosine, tangent);
}

fn turn_at(m: Matrix, number: u32) -> vec3f {
    let at = m.work + turns_of(m) + 3u * number;
    return vec3f(numbers[at], numbers[at + 1u], numbers[at + 2u]);
}

fn find_turns(m: Matrix, round: u32, invocation: u32) {
    for (var number = invocation; number < pairs_of(m); number += INVOCATIONS) {
        let own = pair_of(m, round, number);
        var turn = vec3f(1.0, 0.0, 0.0);
        if own.y < m.size {
            turn = turn_of(number_at(m, own.x, own.x), number_at(m, own.x, own.y), number_at(m, own.y, own.y));
        }
        let at = m.work + turns_of(m) + 3u * number;
        numbers[at] = turn.x;
        numbers[at + 1u] = turn.y;
        numbers[at + 2u] = turn.z;
    }
}

// Two rows and two columns, of which `number` and `other` are the pairs.
fn turn_block(m: Matrix, round: u32, number: u32, other: u32) {
    let rows = pair_of(m, round, number);
    let columns = pair_of(m, round, other);
    let own = turn_at(m, number);
    let across = number_at(m, rows.x, columns.y);
    if number == other {
        let off = own.z * across;
        keep_number(m, rows.x, rows.x, number_at(m, rows.x, rows.x) - off);
        keep_number(m, rows.y, rows.y, number_at(m, rows.y, rows.y) + off);
        keep_number(m, rows.x, rows.y, select(own.z * 0.0, across, own.z == 0.0));
        return;
    }
    let c = own.x;
    let s = own.y;
    let first = vec2f(number_at(m, rows.x, columns.x), across);
    let second = vec2f(number_at(m, rows.y, columns.x), number_at(m, rows.y, columns.y));
    let upper = c * first - s * second;
    let lower = s * first + c * second;
    let turn = turn_at(m, other);
    keep_number(m, rows.x, columns.x, turn.x * upper.x - turn.y * upper.y);
    keep_number(m, rows.x, columns.y, turn.y * upper.x + turn.x * upper.y);
    keep_number(m, rows.y, columns.x, turn.x * lower.x - turn.y * lower.y);
    keep_number(m, rows.y, columns.y, turn.y * lower.x + turn.x * lower.y);
}

fn turn_vectors(m: Matrix, round: u32, row: u32, number: u32) {
    let own = pair_of(m, round, number);
    if own.y >= m.size {
        return;
    }
    let turn = turn_at(m, number);
    let first = m.work + vectors_of(m) + row * m.size;
    let x = numbers[first + own.x];
    let y = numbers[first + own.y];
    numbers[first + own.x] = turn.x * x - turn.y * y;
    numbers[first + own.y] = turn.y * x + turn.x * y;
}

fn begin(m: Matrix, invocation: u32) {
    let trace = trace_of(m);
    var factor = 0.0;
    if trace != 0.0 {
        factor = 1.0 / trace;
    }
    for (var at = invocation; at < m.size * m.size; at += INVOCATIONS) {
        numbers[m.work + at] = squares[m.square + at] * factor;
        numbers[m.work + vectors_of(m) + at] = select(0.0, 1.0, at % (m.size + 1u) == 0u);
    }
}

fn work(m: Matrix, tile: Tile, invocation: u32) {
    if tile.row == 0u {
        begin(m, invocation);
    }
    let pairs = pairs_of(m);
    let in_sweep = 2u * pairs - 1u;
    for (var at = tile.row; at < tile.column; at++) {
        let round = at % in_sweep;
        storageBarrier();
        find_turns(m, round, invocation);
        storageBarrier();
        for (var block = invocation; block < pairs * pairs; block += INVOCATIONS) {
            if block / pairs <= block % pairs {
                turn_block(m, round, block / pairs, block % pairs);
            }
        }
        for (var block = invocation; block < pairs * m.size; block += INVOCATIONS) {
            turn_vectors(m, round, block / pairs, block % pairs);
        }
    }
    storageBarrier();
    if tile.column == m.rounds {
        end(m, invocation);
    }
}
