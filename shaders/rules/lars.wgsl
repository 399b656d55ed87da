// LARS. Formula, sources and twin: src/rules/lars.rs.

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    return Scalars(h.lr);
}

fn lars_norms(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.values = normal_square(*p);
    state.gradients = normal_square(penalized(gradient, *p, h.weight_decay));
}

fn resume_lars_norms(h: Hyper, s: Scalars, sums: Sums) -> Scalars {
    // A NaN is no zero; `!=` may say that it is none either.
    let is_zero = sums.values == 0.0 || sums.gradients == 0.0;
    let ratio = quotient(h.trust_coefficient * root(sums.values), root(sums.gradients) + h.eps);
    return Scalars(select(h.lr * select(ratio, 1.0, is_zero), 0.0, is_beyond(sums.gradients)));
}

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let u = s.step_size * penalized(gradient, *p, h.weight_decay);
    state.b = u + h.momentum * state.b;
    *p -= select(state.b, u + h.momentum * state.b, h.nesterov != 0u);
}
