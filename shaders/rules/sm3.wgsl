// SM3. Formula, sources and twin: src/rules/sm3.rs.

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    return Scalars(h.lr);
}

fn sm3_cover(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    // One of the two is not in use, and is 0.
    state.a = saturated(state.mu + state.a + square(gradient));
    state.cover = state.a;
    state.nu = moving_average(state.nu, gradient * inverseSqrt(state.a + 1e-8), h.momentum, h.rest);
}

fn sm3_axes(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.mu = state.cover;
}

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    *p -= s.step_size * state.nu;
}
