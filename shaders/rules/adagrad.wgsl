// Adagrad. Formula, sources and twin: src/rules/adagrad.rs.

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    let initial = select(0.0, h.initial_accumulator_value, step <= 1.0);
    return Scalars(quotient(h.lr, 1.0 + (step - 1.0) * h.lr_decay), initial);
}

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let g = penalized(h.sign * gradient, *p, h.weight_decay);
    state.sum += s.initial;
    state.sum += square(g);
    *p -= s.step_size * (g / (sqrt(state.sum) + h.eps));
}
