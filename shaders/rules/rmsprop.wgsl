// RMSProp, plain or centered. Formula, sources and twin: src/rules/rmsprop.rs.

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let g = penalized(h.sign * gradient, *p, h.weight_decay);
    state.v = moving_average(state.v, square(g), h.alpha, h.rest);
    var variance = state.v;
    if h.centered != 0u {
        state.a = moving_average(state.a, g, h.alpha, h.rest);
        variance = max(state.v - state.a * state.a, vec4f(0.0));
    }
    let denominator = sqrt(variance + h.eps_inside) + h.eps_outside;
    state.b = h.momentum * state.b + g / denominator;
    *p -= h.lr * state.b;
}
