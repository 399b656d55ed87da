// CautiousLion. Formula, sources and twin: src/rules/cautious_lion.rs.

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    return Scalars(h.lr, h.lr * h.weight_decay);
}

fn cautious_mixture(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let c = moving_average(state.m, gradient, h.beta1, h.rest1);
    state.share = where_agreeing(vec4f(1.0), c, gradient);
}

fn resume_cautious_mixture(h: Hyper, s: Scalars, sums: Sums) -> Scalars {
    return Scalars(quotient(s.step_size, at_least(vec4f(sums.share), vec4f(0.001)).x), s.decay);
}

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let c = moving_average(state.m, gradient, h.beta1, h.rest1);
    let u = where_agreeing(sign_of(c), c, gradient);
    *p -= penalized(s.step_size * u, *p, s.decay);
    state.m = moving_average(state.m, gradient, h.beta2, h.rest2);
}
