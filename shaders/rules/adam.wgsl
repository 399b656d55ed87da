// Adam, AdamW, AMSGrad, cautious decay, second moments of rows. Formula, sources and twin: src/rules/adam.rs.

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    let decay = h.lr * h.decoupled_decay;
    if h.uncorrected != 0u {
        return Scalars(h.lr, 1.0, decay);
    }
    let step_size = quotient(h.lr, bias_correction(h.beta1, step));
    let inverse_root2 = inverse_root(bias_correction(h.beta2, step));
    if h.uncorrected_eps != 0u {
        return Scalars(quotient(step_size, inverse_root2), 1.0, decay);
    }
    return Scalars(step_size, inverse_root2, decay);
}

fn adam_squares(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.row_squares = square(penalized(h.sign * gradient, *p, h.coupled_decay));
}

fn adam_rows(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.v_row = decayed_average(state.v_row, state.row_squares, h.beta2);
}

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let g = penalized(h.sign * gradient, *p, h.coupled_decay);
    state.m = decayed_average(state.m, g, h.beta1);
    state.v = decayed_average(state.v, square(g), h.beta2);
    // Without rows theirs is 0; so it is where all of a row was 0 so far, and then so is that of each element.
    state.max_v = larger(state.max_v, by_sign(state.v_row, state.v, state.v, state.v_row));
    let denominator = sqrt(state.max_v) * s.inverse_root2 + h.eps;
    let decayed = select(*p, where_same_side(*p, *p, state.m), h.cautious != 0u);
    *p -= penalized(s.step_size * (state.m / denominator), decayed, s.decay);
}
