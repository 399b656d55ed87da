// AdaBelief. Formula, sources and twin: src/rules/adabelief.rs.

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    let bias_correction1 = bias_correction(h.beta1, step);
    let bias_correction2 = bias_correction(h.beta2, step);
    return Scalars(quotient(h.lr, bias_correction1), inverse_root(bias_correction2), h.lr * h.weight_decay);
}

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.m = decayed_average(state.m, gradient, h.beta1);
    let surprise = gradient - state.m;
    state.v = saturated(decayed_average(state.v, square(surprise), h.beta2) + h.eps_root);
    let denominator = sqrt(state.v) * s.inverse_root2 + h.eps;
    *p -= penalized(s.step_size * (state.m / denominator), *p, s.decay);
}
