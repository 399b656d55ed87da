// Adamax. Formula, sources and twin: src/rules/adamax.rs.

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    let bias_correction1 = bias_correction(h.beta1, step);
    return Scalars(quotient(h.lr, bias_correction1), h.lr * h.decoupled_decay);
}

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let g = penalized(h.sign * gradient, *p, h.coupled_decay);
    state.m = decayed_average(state.m, g, h.beta1);
    state.u = larger(h.beta2 * state.u, abs(g) + h.eps);
    *p -= penalized(s.step_size * ratio(state.m, state.u), *p, s.decay);
}
