// Yogi. Formula, sources and twin: src/rules/yogi.rs.

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    let bias_correction1 = one_minus_pow(h.ln_beta1, h.ln_beta1_low, step);
    let bias_correction2 = one_minus_pow(h.ln_beta2, h.ln_beta2_low, step);
    let initial = select(0.0, h.initial_accumulator_value, step <= 1.0);
    return Scalars(initial, quotient(h.lr, bias_correction1), inverse_root(bias_correction2), h.lr * h.weight_decay);
}

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.m = moving_average(state.m + s.initial, gradient, h.beta1, h.rest1);
    state.v += s.initial;
    let squared = square(gradient);
    state.v = saturated(state.v - h.rest2 * sign_of(state.v - squared) * squared);
    let denominator = sqrt(state.v) * s.inverse_root2 + h.eps;
    *p -= penalized(s.step_size * (state.m / denominator), *p, s.decay);
}
