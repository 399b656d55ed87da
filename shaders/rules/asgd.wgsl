// Averaged SGD. Formula, sources and twin: src/rules/asgd.rs.

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    let first = step <= 1.0;
    let step_size = select(last.eta, h.lr, first);
    let weight = select(last.mu, 1.0, first);
    let eta = h.lr * power(1.0 + h.lambd_lr * step, h.exponent, h.exponent_low);
    let mu = quotient(1.0, max(step - h.t0, 1.0));
    return Scalars(eta, mu, step_size, weight, h.lambd * step_size);
}

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let g = penalized(h.sign * gradient, *p, h.weight_decay);
    *p -= penalized(s.step_size * g, *p, s.decay);
    state.ax = moving_average(state.ax, *p, 1.0 - s.weight, s.weight);
}
