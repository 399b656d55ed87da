// What Adan and its cautious form have. Formula, sources and twin: src/rules/adan.rs.

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    let bias_correction1 = bias_correction(h.beta1, step);
    let bias_correction2 = bias_correction(h.beta2, step);
    let bias_correction3 = bias_correction(h.beta3, step);
    let rate = select(quotient(h.lr, 1.0 + h.lr * h.weight_decay), h.lr, h.no_prox != 0u);
    return Scalars(
        quotient(rate, bias_correction1), quotient(rate * h.beta2.beta, bias_correction2), inverse_root(bias_correction3),
        rate * h.weight_decay, select(1.0, 0.0, step <= 1.0),
    );
}

// What a gradient makes of the means and of the last gradient.
fn adan_means(h: Hyper, s: Scalars, g: vec4f, state: ptr<function, State>) {
    let difference = s.later * (g + state.negative);
    state.negative = -g;
    state.m = decayed_average(state.m, g, h.beta1);
    state.d = decayed_average(state.d, difference, h.beta2);
    let ahead = g + h.beta2.beta * difference;
    state.n = decayed_average(state.n, square(ahead), h.beta3);
}

// The step that follows from them.
fn adan_step(h: Hyper, s: Scalars, state: ptr<function, State>) -> vec4f {
    return (s.step1 * state.m + s.step2 * state.d) / (sqrt(state.n) * s.inverse_root3 + h.eps);
}

