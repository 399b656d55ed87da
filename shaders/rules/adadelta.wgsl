// Adadelta. Formula, sources and twin: src/rules/adadelta.rs.

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let g = penalized(h.sign * gradient, *p, h.weight_decay);
    state.v = moving_average(state.v, square(g), h.rho, h.rest);
    let delta = sqrt(state.u + h.eps) / sqrt(state.v + h.eps) * g;
    state.u = moving_average(state.u, square(delta), h.rho, h.rest);
    *p -= h.lr * delta;
}
