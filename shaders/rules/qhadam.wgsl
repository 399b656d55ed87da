// QHAdam. Formula, sources and twin: src/rules/qhadam.rs.

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    let take1 = quotient(h.beta1.rest, bias_correction(h.beta1, step));
    let take2 = quotient(h.beta2.rest, bias_correction(h.beta2, step));
    return Scalars(min(take1, 1.0), min(take2, 1.0), h.lr * h.decoupled_decay);
}

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let g = penalized(h.sign * gradient, *p, h.coupled_decay);
    *p -= penalized(vec4f(0.0), *p, s.decay);
    state.m = moving_average(state.m, g, 1.0 - s.take1, s.take1);
    state.v = moving_average(state.v, square(g), 1.0 - s.take2, s.take2);
    let mean = h.nu1 * state.m + h.now1 * g;
    let mean_square = h.nu2 * state.v + h.now2 * square(g);
    *p -= h.lr * (mean / (sqrt(mean_square) + h.eps));
}
