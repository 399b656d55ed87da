// LaProp, AMSGrad, centered. Formula, sources and twin: src/rules/laprop.rs.

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    let mean_lr = decayed_average(vec4f(last.mean_lr), vec4f(h.lr), h.beta1).x;
    return Scalars(
        mean_lr, select(quotient(h.lr, mean_lr), 0.0, mean_lr == 0.0), inverse_root(bias_correction(h.beta2, step)),
        select(0.0, 1.0, step > h.centered_after),
    );
}

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.v = decayed_average(state.v, square(gradient), h.beta2);
    var spread = state.v;
    if USES_a {
        state.a = decayed_average(state.a, gradient, h.beta2);
        spread = at_least(state.v - s.subtracts * square(state.a), vec4f(0.0));
    }
    state.max_v = larger(state.max_v, spread);
    let denominator = sqrt(state.max_v) * s.inverse_root2 + h.eps;
    state.m = decayed_average(state.m, h.lr * (gradient / denominator), h.beta1);
    let step = s.step_size * state.m;
    *p -= penalized(step, *p - step, h.weight_decay);
}
