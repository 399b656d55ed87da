// ADOPT. Formula, sources and twin: src/rules/adopt.rs.

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    let first = step <= 1.0;
    let clip = root(root(max(step - 1.0, 1.0)));
    let limit = select(h.limit, clip, h.use_clipping != 0u);
    return Scalars(select(limit, 0.0, first), select(h.beta2, 0.0, first), select(h.rest2, 1.0, first), select(h.lr * h.weight_decay, 0.0, first));
}

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let normed = gradient / larger(sqrt(state.v), vec4f(h.eps));
    let clipped = clamped(normed, vec4f(-s.limit), vec4f(s.limit));
    state.m = moving_average(state.m, clipped, h.beta1, h.rest1);
    *p -= penalized(h.lr * state.m, *p, s.decay);
    state.v = moving_average(state.v, square(gradient), s.beta2, s.rest2);
}
