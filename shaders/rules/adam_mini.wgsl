// Adam-mini. Formula, sources and twin: src/rules/adam_mini.rs.

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    let step_size = quotient(h.lr, bias_correction(h.beta1, step));
    let inverse_root2 = inverse_root(bias_correction(h.beta2, step));
    return Scalars(step_size, inverse_root2, h.lr * h.weight_decay);
}

fn squares(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.row_squares = square(gradient);
}

fn average_rows(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.v_row = decayed_average(state.v_row, state.row_squares, h.beta2);
}

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let g = h.sign * gradient;
    state.m = decayed_average(state.m, g, h.beta1);
    state.v = decayed_average(state.v, square(g), h.beta2);
    // Without rows theirs is 0; so it is where all of a row was 0 so far, and then so is that of each element.
    let v = by_sign(state.v_row, state.v, state.v, state.v_row);
    let step = s.step_size * (state.m / (sqrt(v) * s.inverse_root2 + h.eps));
    *p -= penalized(step, *p, s.decay);
}
