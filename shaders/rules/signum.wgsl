// Signum, signSGD. Formula, sources and twin: src/rules/signum.rs.

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.b = moving_average(state.b, gradient, h.momentum, h.rest);
    *p -= h.lr * penalized(sign_of(state.b), *p, h.weight_decay);
}
