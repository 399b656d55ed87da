// The trace of a square; 0 where its reciprocal would be beyond f32.
fn trace_of(m: Matrix) -> f32 {
    var trace = 0.0;
    for (var i = 0u; i < m.size; i++) {
        trace += squares[m.square + i * (m.size + 1u)];
    }
    return select(trace, 0.0, trace < LEAST_TRACE);
}
