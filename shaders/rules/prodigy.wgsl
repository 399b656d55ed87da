// Prodigy. Formula, sources and twin: src/rules/prodigy.rs.

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    let d = select(last.d, h.d0, last.d == 0.0);
    let d_max = at_least(vec4f(last.d_max), vec4f(d)).x;
    let corrected = quotient(root(bias_correction(h.beta2, step)), bias_correction(h.beta1, step));
    let k = select(1.0, corrected, h.corrected != 0u);
    let step_size = d * h.lr * k;
    let weight = saturated(vec4f(quotient(d, h.d0) * step_size)).x;
    let s_weight = select(weight, saturated(vec4f(quotient(d, h.d0) * d)).x, h.safeguard != 0u);
    let decay = clamped(vec4f(step_size * h.decoupled_decay), vec4f(0.0), vec4f(1.0)).x;
    return Scalars(d, d_max, last.n, step_size, weight, s_weight, d * h.eps, decay, select(0.0, 1.0, step <= 1.0));
}

fn estimate(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.p0 = select(state.p0, *p, s.first != 0.0);
    let g = penalized(gradient, *p, h.coupled_decay);
    if s.step_size == 0.0 {
        return;
    }
    let most = vec4f(1e30);
    let dg = clamped(s.d * g, -most, most);
    state.m = decayed_average(state.m, dg, h.beta1);
    state.v = decayed_average(state.v, square(dg), h.beta2);
    state.s = clamped(state.s + (s.s_weight * g - h.rest3 * state.s), -most, most);
    state.along = clamped(clamped(s.weight * g, -most, most) * (state.p0 - *p), -most, most);
    state.sizes = abs(state.s);
}

fn resume_estimate(h: Hyper, s: Scalars, sums: Sums) -> Scalars {
    if sums.sizes < 1.1754944e-38 {
        return Scalars(s.d, s.d_max, s.n, 0.0, s.weight, s.s_weight, s.eps, 0.0, s.first);
    }
    let n = s.n + (sums.along - h.rest3 * s.n);
    let share = clamped(vec4f(quotient(n, sums.sizes)), vec4f(-1e20), vec4f(1e20));
    let estimate = clamped(h.d_coef * share, vec4f(-1e10), vec4f(1e10)).x;
    let d_max = at_least(vec4f(estimate), vec4f(s.d_max)).x;
    let raised = select(s.d, at_least(vec4f(estimate), vec4f(s.d)).x, s.d == h.d0);
    let d = clamped(vec4f(d_max), vec4f(0.0), saturated(vec4f(raised * h.growth))).x;
    return Scalars(d, d_max, n, s.step_size, s.weight, s.s_weight, d * h.eps, s.decay, s.first);
}

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let step = s.step_size * (state.m / (sqrt(state.v) + s.eps));
    *p = select(*p - penalized(step, *p, s.decay), *p, s.step_size == 0.0);
}
