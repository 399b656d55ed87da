// Grams. Formula, sources and twin: src/rules/grams.rs.

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    let decay = h.lr * h.weight_decay;
    if h.correct_bias == 0u {
        return Scalars(h.lr, decay);
    }
    let root2 = root(bias_correction(h.beta2, step));
    return Scalars(quotient(h.lr * root2, bias_correction(h.beta1, step)), decay);
}

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.m = decayed_average(state.m, gradient, h.beta1);
    state.v = decayed_average(state.v, square(gradient), h.beta2);
    let size = abs(state.m) / (sqrt(state.v) + h.eps);
    *p -= penalized(s.step_size * (sign_of(gradient) * size), *p, s.decay);
}
