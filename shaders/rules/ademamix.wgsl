// AdEMAMix. Formula, sources and twin: src/rules/ademamix.rs.

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    let bias_correction1 = bias_correction(h.beta1, step);
    let bias_correction2 = bias_correction(h.beta2, step);
    let step_size = quotient(h.lr, bias_correction1);
    let slow_size = h.lr * min(h.alpha, step * h.alpha_growth);
    var rest3 = h.rest3;
    if step < h.beta3_warmup {
        let inverse = fma(step, h.slope, fma(step, h.slope_low, h.inverse_ln_beta1));
        rest3 = one_minus_pow(quotient(1.0, inverse), 0.0, 1.0);
    }
    return Scalars(step_size, slow_size, inverse_root(bias_correction2), rest3, h.lr * h.weight_decay);
}

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.m1 = decayed_average(state.m1, gradient, h.beta1);
    state.m2 = moving_average(state.m2, gradient, 1.0 - s.rest3, s.rest3);
    state.v = decayed_average(state.v, square(gradient), h.beta2);
    let denominator = sqrt(state.v) * s.inverse_root2 + h.eps;
    *p -= penalized((s.step_size * state.m1 + s.slow_size * state.m2) / denominator, *p, s.decay);
}
