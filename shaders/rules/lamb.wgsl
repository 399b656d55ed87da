// LAMB. Formula, sources and twin: src/rules/lamb.rs.

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    let bias_correction1 = bias_correction(h.beta1, step);
    let bias_correction2 = bias_correction(h.beta2, step);
    return Scalars(quotient(1.0, bias_correction1), inverse_root(bias_correction2), h.eps_root * bias_correction2, h.lr, h.lr * h.weight_decay);
}

fn lamb_step(h: Hyper, s: Scalars, state: ptr<function, State>) -> vec4f {
    let denominator = sqrt(state.v + s.root) * s.inverse_root2 + h.eps;
    return s.inverse1 * (state.m / denominator);
}

fn moments(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.m = decayed_average(state.m, gradient, h.beta1);
    state.v = decayed_average(state.v, square(gradient), h.beta2);
    state.values = normal_square(*p);
    state.updates = normal_square(penalized(lamb_step(h, s, state), *p, h.weight_decay));
}

fn resume_moments(h: Hyper, s: Scalars, sums: Sums) -> Scalars {
    // A NaN is no zero; `!=` may say that it is none either.
    let ratio = select(quotient(root(sums.values), root(sums.updates)), 1.0, sums.values == 0.0 || sums.updates == 0.0);
    return Scalars(s.inverse1, s.inverse_root2, s.root, h.lr * ratio, h.lr * ratio * h.weight_decay);
}

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    *p -= penalized(s.step_size * lamb_step(h, s, state), *p, s.decay);
}
