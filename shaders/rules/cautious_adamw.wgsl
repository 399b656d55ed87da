// CautiousAdamW. Formula, sources and twin: src/rules/cautious_adamw.rs.

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    let decay = h.lr * h.weight_decay;
    if h.correct_bias == 0u {
        return Scalars(h.lr, decay);
    }
    let root2 = root(bias_correction(h.beta2, step));
    return Scalars(quotient(h.lr * root2, bias_correction(h.beta1, step)), decay);
}

fn cautious_mean(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.m = decayed_average(state.m, gradient, h.beta1);
    state.share = where_agreeing(vec4f(1.0), state.m, gradient);
}

fn resume_cautious_mean(h: Hyper, s: Scalars, sums: Sums) -> Scalars {
    return Scalars(quotient(s.step_size, at_least(vec4f(sums.share), vec4f(0.001)).x), s.decay);
}

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.v = decayed_average(state.v, square(gradient), h.beta2);
    let u = where_agreeing(state.m, state.m, gradient) / (sqrt(state.v) + h.eps);
    *p -= penalized(s.step_size * u, *p, s.decay);
}
