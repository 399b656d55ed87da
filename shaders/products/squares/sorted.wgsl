// The eigenvectors by falling eigenvalues, of equal ones the first one first; the largest component of each is positive.
fn end(m: Matrix, invocation: u32) {
    for (var column = invocation; column < m.size; column += INVOCATIONS) {
        numbers[m.work + values_of(m) + column] = numbers[m.work + column * (m.size + 1u)];
    }
    storageBarrier();
    for (var column = invocation; column < m.size; column += INVOCATIONS) {
        let place = rank_of(m, column);
        var largest = 0.0;
        for (var row = 0u; row < m.size; row++) {
            let x = numbers[m.work + vectors_of(m) + row * m.size + column];
            largest = select(largest, x, abs(x) > abs(largest));
        }
        let sign = select(1.0, -1.0, largest < 0.0);
        for (var row = 0u; row < m.size; row++) {
            numbers[m.work + row * m.size + place] = sign * numbers[m.work + vectors_of(m) + row * m.size + column];
        }
    }
    storageBarrier();
    for (var at = invocation; at < m.size * m.size; at += INVOCATIONS) {
        numbers[m.work + vectors_of(m) + at] = numbers[m.work + at];
    }
}
