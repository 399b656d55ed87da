// How much of the values goes into an average after this step of a parameter; 0 where it stays. Twin: src/step/averages.rs.
fn weight(average: AverageWords, step: u32) -> f32 {
    if step < average.start || (step - average.start) % average.every != 0u {
        return 0.0;
    }
    let n = f32((step - average.start) / average.every);
    if average.kind == SWA {
        return quotient(1.0, n + 1.0);
    }
    if average.kind == LOOKAHEAD || (average.kind == EMA && n != 0.0) {
        return average.rest;
    }
    if average.kind == EMA_DEBIASED && n != 0.0 {
        return quotient(average.rest, one_minus_pow(average.ln_decay, average.ln_decay_low, n + 1.0));
    }
    return select(max(average.rest, quotient(9.0, n + 10.0)), 1.0, n == 0.0);
}
