// Shampoo. Formula, sources and twin: src/rules/shampoo.rs.

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    let since = last.since + 1.0;
    // Whole numbers, but for rounding.
    let due = since + 0.5 > h.every;
    return Scalars(
        h.lr,
        h.lr * h.decoupled_decay,
        1.0,
        1.0,
        select(0.0, h.matrix_eps, step <= 1.0),
        select(0.0, 1.0, due),
        select(since, 0.0, due),
    );
}

fn shampoo_gradient(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.direction = penalized(h.sign * gradient, *p, h.coupled_decay);
}

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    *p -= penalized(s.step_size * state.direction, *p, s.decay);
}
