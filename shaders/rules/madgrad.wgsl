// MADGRAD. Formula, sources and twin: src/rules/madgrad.rs.

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    return Scalars(h.stable_lr * root(step), select(0.0, 1.0, step <= 1.0));
}

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.x0 = select(state.x0, *p, s.first != 0.0);
    let g = penalized(gradient, *p, h.weight_decay);
    state.v = saturated(state.v + s.lambda * square(g));
    state.s = saturated(state.s + s.lambda * g);
    let z = state.x0 - state.s / (cube_root(state.v) + h.eps);
    *p = moving_average(*p, z, h.momentum, h.rest);
}
