// NAdam. Formula, sources and twin: src/rules/nadam.rs.

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    let gap = h.half_beta1 * step_pow(h.ln_decay, h.ln_decay_low, step);
    let next_gap = h.half_beta1 * step_pow(h.ln_decay, h.ln_decay_low, step + 1.0);
    let rest_product = (h.rest1 + gap) + (h.beta1 - gap) * last.rest_product;
    let next_rest_product = (h.rest1 + next_gap) + (h.beta1 - next_gap) * rest_product;
    let gradient_step = h.lr * quotient(h.rest1 + gap, rest_product);
    let mean_step = h.lr * quotient(h.beta1 - next_gap, next_rest_product);
    let bias_correction2 = bias_correction(h.beta2, step);
    return Scalars(rest_product, gradient_step, mean_step, inverse_root(bias_correction2), h.lr * h.decoupled_decay);
}

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let g = penalized(h.sign * gradient, *p, h.coupled_decay);
    state.m = moving_average(state.m, g, h.beta1, h.rest1);
    state.v = decayed_average(state.v, square(g), h.beta2);
    let denominator = sqrt(state.v) * s.inverse_root2 + h.eps;
    *p -= penalized((s.gradient_step * g + s.mean_step * state.m) / denominator, *p, s.decay);
}
