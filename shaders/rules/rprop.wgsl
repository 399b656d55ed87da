// Rprop. Formula, sources and twin: src/rules/rprop.rs.

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    return Scalars(select(0.0, h.lr, step <= 1.0));
}

// -1, 0 or 1 by the sign of x, and 0 for a NaN, as in torch.
fn rprop_sign(x: vec4f) -> vec4f {
    return select(sign(x), vec4f(0.0), is_nan(x));
}

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let g = h.sign * gradient;
    let agreement = rprop_sign(g) * rprop_sign(state.prev);
    let factor = by_sign(agreement, vec4f(h.eta_minus), vec4f(1.0), vec4f(h.eta_plus));
    state.step_size += s.initial;
    state.step_size = clamped(state.step_size * factor, vec4f(h.step_size_min), vec4f(h.step_size_max));
    state.prev = by_sign(agreement, vec4f(0.0), g, g);
    *p -= rprop_sign(state.prev) * state.step_size;
}
