// RMSProp, plain or centered. Formula, sources and twin: src/rules/rmsprop.rs.

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let g = penalized(h.sign * gradient, *p, h.weight_decay);
    state.v = moving_average(state.v, square(g), h.alpha, h.rest);
    let is_centered = h.centered != 0u;
    state.a = select(state.a, moving_average(state.a, g, h.alpha, h.rest), is_centered);
    let variance = select(state.v, max(state.v - state.a * state.a, vec4f(0.0)), is_centered);
    let denominator = sqrt(variance + h.eps_inside) + h.eps_outside;
    state.b = h.momentum * state.b + g / denominator;
    *p -= h.lr * state.b;
}
