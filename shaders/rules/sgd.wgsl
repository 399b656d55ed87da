// SGD with momentum. Formula, sources and twin: src/rules/sgd.rs.

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    let first = step <= 1.0;
    return Scalars(select(h.momentum, 0.0, first), select(h.undamped, 1.0, first));
}

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let g = h.sign * gradient + h.weight_decay * *p;
    state.b = s.keep * state.b + s.take * g;
    let ahead = g + h.momentum * state.b;
    *p -= h.lr * select(state.b, ahead, h.nesterov != 0u);
}
