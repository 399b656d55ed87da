// D-Adaptation for Adam. Formula, sources and twin: src/rules/dadapt_adam.rs.

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    let d = select(last.d, h.d0, last.d == 0.0);
    let corrected = quotient(root(bias_correction(h.beta2, step)), bias_correction(h.beta1, step));
    let k = select(1.0, corrected, h.corrected != 0u);
    let step_size = d * h.lr * k;
    let decay = clamped(vec4f(step_size * h.decoupled_decay), vec4f(0.0), vec4f(1.0)).x;
    return Scalars(d, last.n, step_size, h.layer_scale * step_size, decay, 1.0);
}

fn estimate(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let g = penalized(gradient, *p, h.coupled_decay);
    if s.step_size == 0.0 {
        return;
    }
    let most = vec4f(1e30);
    let pushed = clamped(s.scaled * g, -most, most);
    state.along = clamped(pushed * (state.s / (sqrt(state.v) + h.eps)), -most, most);
    state.m = decayed_average(state.m, pushed, h.beta1);
    state.v = decayed_average(state.v, square(g), h.beta2);
    state.s = moving_average(state.s, clamped(s.step_size * g, -most, most), h.beta3, h.rest3);
    state.sizes = clamped(h.layer_scale * abs(state.s), vec4f(0.0), most);
}

fn resume_estimate(h: Hyper, s: Scalars, sums: Sums) -> Scalars {
    if sums.sizes < 1.1754944e-38 {
        return Scalars(s.d, s.n, s.step_size, s.scaled, 0.0, 0.0);
    }
    let n = s.n + h.rest3 * (sums.along - s.n);
    let share = clamped(vec4f(quotient(n, sums.sizes)), vec4f(-1e20), vec4f(1e20)).x;
    let estimate = clamped(vec4f(quotient(share, h.rest3)), vec4f(0.0), vec4f(1e10));
    let d = at_least(clamped(estimate, vec4f(0.0), saturated(vec4f(s.d * h.growth))), vec4f(s.d)).x;
    let moves = select(by_sign(vec4f(d), vec4f(0.0), vec4f(0.0), vec4f(1.0)).x, 0.0, s.step_size == 0.0);
    return Scalars(d, n, s.step_size, s.scaled, s.decay, moves);
}

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let step = s.moves * (state.m / (sqrt(state.v) + h.eps));
    *p = select(*p - penalized(step, *p, s.decay), *p, s.moves == 0.0);
}
