// SGD with momentum, SGDW. Formula, sources and twin: src/rules/sgd.rs.

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    let first = step <= 1.0;
    return Scalars(select(h.momentum, 0.0, first), select(h.undamped, 1.0, first), h.lr * h.decoupled_decay);
}

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let g = penalized(h.sign * gradient, *p, h.coupled_decay);
    let kept = select(s.keep * state.b, vec4f(0.0), s.keep == 0.0);
    state.b = kept + s.take * g;
    let ahead = g + h.momentum * state.b;
    *p -= penalized(h.lr * select(state.b, ahead, h.nesterov != 0u), *p, s.decay);
}
