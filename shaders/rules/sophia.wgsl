// Sophia. Formula, sources and twin: src/rules/sophia.rs.

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    let bias_correction1 = bias_correction(h.beta1, step);
    let fold = select(0.0, 1.0, last.left < 1.0);
    return Scalars(quotient(1.0, bias_correction1), h.lr * h.weight_decay, fold, last.left + fold * h.update_interval - 1.0);
}

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let g = h.sign * gradient;
    state.m = decayed_average(state.m, g, h.beta1);
    let u = ratio(state.m * s.inverse1, at_least(h.gamma * state.h, vec4f(h.eps)));
    *p -= penalized(h.lr * clamped(u, vec4f(-h.clip_threshold), vec4f(h.clip_threshold)), *p, s.decay);
    if s.fold != 0.0 {
        state.h = moving_average(state.h, state.hessian_estimate, h.beta2, h.rest2);
    }
}
