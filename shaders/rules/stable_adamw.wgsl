// StableAdamW. Formula, sources and twin: src/rules/stable_adamw.rs.

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    let weight1 = quotient(h.beta1.rest, bias_correction(h.beta1, step));
    let weight2 = quotient(h.beta2.rest, bias_correction(h.beta2, step));
    return Scalars(weight1, weight2, h.lr, quotient(h.lr, h.scale) * h.weight_decay);
}

fn stable_moments(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.m = moving_average(state.m, gradient, 1.0 - s.weight1, s.weight1);
    state.v = moving_average(state.v, square(gradient), 1.0 - s.weight2, s.weight2);
    state.excess = square(gradient / at_least(sqrt(state.v), vec4f(h.eps)));
}

fn resume_stable_moments(h: Hyper, s: Scalars, sums: Sums) -> Scalars {
    let excess = at_least(vec4f(sqrt(sums.excess)), vec4f(1.0)).x;
    return Scalars(s.weight1, s.weight2, quotient(s.rate, excess), quotient(s.decay, excess));
}

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let denominator = sqrt(state.v) + h.eps;
    *p -= penalized(s.rate * (state.m / denominator), *p, s.decay);
}
