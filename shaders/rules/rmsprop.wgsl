// RMSProp, plain or centered. Formula, sources and twin: src/rules/rmsprop.rs.

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let g = penalized(h.sign * gradient, *p, h.weight_decay);
    state.v = moving_average(state.v, square(g), h.alpha, h.rest);
    var variance = state.v;
    if USES_a {
        state.a = moving_average(state.a, g, h.alpha, h.rest);
        variance = at_least(state.v - state.a * state.a, vec4f(0.0));
    }
    state.b = g / (sqrt(variance + h.eps_inside) + h.eps_outside) + select(vec4f(0.0), h.momentum * state.b, USES_b);
    *p -= h.lr * state.b;
}
