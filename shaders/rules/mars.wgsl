// MARS-AdamW and MARS-Lion. Formula, sources and twin: src/rules/mars.rs.

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    let corrected_step_size = select(quotient(h.lr, bias_correction(h.beta1, step)), h.lr, h.is_lion != 0u);
    return Scalars(
        quotient(h.lr_1d, bias_correction(h.beta1_1d, step)), inverse_root(bias_correction(h.beta2_1d, step)), h.lr_1d * h.weight_decay_1d,
        1.0, 0.0, corrected_step_size, inverse_root(bias_correction(h.beta2, step)),
    );
}

// The gradient and a part of its change.
fn mars_gradient(h: Hyper, g: vec4f, last: vec4f) -> vec4f {
    return saturated(g + h.correction * (g - last));
}

fn mars_norm(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.squares = square(mars_gradient(h, gradient, state.last));
    state.matrix = vec4f(1.0);
}

fn resume_mars_norm(h: Hyper, s: Scalars, sums: Sums) -> Scalars {
    if h.optimize_1d == 0u && sums.matrix == 0.0 {
        return s;
    }
    let clip = select(quotient(1.0, at_least(vec4f(sqrt(sums.squares)), vec4f(1.0)).x), 0.0, is_beyond(sums.squares));
    return Scalars(
        s.corrected_step_size, s.corrected_inverse_root2, h.lr * h.weight_decay, clip, 1.0, s.corrected_step_size, s.corrected_inverse_root2,
    );
}

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let corrects = s.corrects != 0.0;
    var beta1 = h.beta1_1d;
    var beta2 = h.beta2_1d;
    var g = gradient;
    if corrects {
        beta1 = h.beta1;
        beta2 = h.beta2;
        g = s.clip * mars_gradient(h, gradient, state.last);
    }
    state.last = gradient;
    state.m = decayed_average(state.m, g, beta1);
    state.v = decayed_average(state.v, square(g), beta2);
    state.max_v = larger(state.max_v, state.v);
    let denominator = sqrt(state.max_v) * s.inverse_root2 + h.eps;
    let u = select(state.m / denominator, sign_of(state.m), corrects && h.is_lion != 0u);
    *p -= penalized(s.step_size * u, *p, s.decay);
}
