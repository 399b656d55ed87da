// Rprop. Formula, sources and twin: src/rules/rprop.rs.

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    return Scalars(select(0.0, h.lr, step <= 1.0));
}

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let g = h.sign * gradient;
    let agreement = sign(g) * sign(state.prev);
    let factor = by_sign(agreement, vec4f(h.eta_minus), vec4f(1.0), vec4f(h.eta_plus));
    state.step_size += s.initial;
    state.step_size = min(max(state.step_size * factor, vec4f(h.step_size_min)), vec4f(h.step_size_max));
    state.prev = by_sign(agreement, vec4f(0.0), g, g);
    *p -= sign(state.prev) * state.step_size;
}
