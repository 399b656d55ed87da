// Adamax. Formula, sources and twin: src/rules/adamax.rs.

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    let bias_correction = one_minus_pow(h.ln_beta1, h.ln_beta1_low, step);
    return Scalars(quotient(h.lr, bias_correction), h.lr * h.decoupled_decay);
}

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let g = penalized(h.sign * gradient, *p, h.coupled_decay);
    state.m = moving_average(state.m, g, h.beta1, h.rest1);
    state.u = larger(h.beta2 * state.u, abs(g) + h.eps);
    *p -= penalized(s.step_size * ratio(state.m, state.u), *p, s.decay);
}
