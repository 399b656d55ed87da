// Yogi. Formula, sources and twin: src/rules/yogi.rs.

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    let bias_correction1 = bias_correction(h.beta1, step);
    let bias_correction2 = bias_correction(h.beta2, step);
    let initial = select(0.0, h.initial_accumulator_value, step <= 1.0);
    return Scalars(initial, quotient(h.lr, bias_correction1), inverse_root(bias_correction2), h.lr * h.weight_decay);
}

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.m = decayed_average(state.m + s.initial, gradient, h.beta1);
    state.v += s.initial;
    let squared = square(gradient);
    state.v = saturated(state.v - h.beta2.rest * sign_of(state.v - squared) * squared);
    let denominator = sqrt(state.v) * s.inverse_root2 + h.eps;
    *p -= penalized(s.step_size * (state.m / denominator), *p, s.decay);
}
