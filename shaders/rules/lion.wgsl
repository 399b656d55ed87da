// Lion. Formula, sources and twin: src/rules/lion.rs.

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let c = moving_average(state.m, gradient, h.beta1, h.rest1);
    *p -= h.lr * penalized(sign_of(c), *p, h.weight_decay);
    state.m = moving_average(state.m, gradient, h.beta2, h.rest2);
}
