// The powers of the eigenvalues; what is smaller than the least one, or than rounding of the largest one, counts as that.
fn end(m: Matrix, invocation: u32) {
    let trace = trace_of(m);
    var largest = 0.0;
    for (var i = 0u; i < m.size; i++) {
        let value = numbers[m.work + i * (m.size + 1u)];
        largest = select(largest, value, value > largest);
    }
    let smallest = max(largest * trace * LEAST_PART, bitcast<f32>(record[m.keep]));
    for (var i = invocation; i < m.size; i += INVOCATIONS) {
        let value = numbers[m.work + i * (m.size + 1u)] * trace;
        // A NaN stays one.
        numbers[m.work + values_of(m) + i] = power(select(value, smallest, value < smallest), m.exponent, m.exponent_low);
    }
}
