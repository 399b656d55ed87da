// Adafactor in optax's form. Formula, sources and twin: src/rules/optax_adafactor.rs.

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    let counted = at_least(vec4f(step - h.decay_offset), vec4f(1.0)).x;
    return Scalars(power(counted, h.exponent, h.exponent_low), h.lr);
}

fn squares(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.row_squares = square(gradient) + h.eps;
    state.col_squares = square(gradient) + h.eps;
}

fn average_rows(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.row_var = moving_average(state.row_var, state.row_squares, 1.0 - s.weight, s.weight);
    state.row_mean = state.row_var;
    state.row_root = reciprocal_root(state.row_var);
}

fn average_columns(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.col_var = moving_average(state.col_var, state.col_squares, 1.0 - s.weight, s.weight);
    state.col_root = reciprocal_root_over(state.col_var, state.row_mean);
}

fn deltas(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    // Those of matrices are kept by rows and columns, and no root is taken of an element's.
    if USES_variance {
        state.variance = moving_average(state.variance, square(gradient) + h.eps, 1.0 - s.weight, s.weight);
    }
    state.updates = square(gradient * factored_root(state.row_root, state.col_root, state.variance));
    state.values = square(*p);
}

fn resume_deltas(h: Hyper, s: Scalars, sums: Sums) -> Scalars {
    let excess = at_least(vec4f(quotient(sqrt(sums.updates), h.clipping_threshold)), vec4f(1.0)).x;
    let size = select(1.0, at_least(vec4f(sqrt(sums.values)), vec4f(1e-3)).x, h.scaled != 0u);
    return Scalars(s.weight, quotient(h.lr * size, excess));
}

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let step = s.step_size * (gradient * factored_root(state.row_root, state.col_root, state.variance));
    state.m = moving_average(state.m, step, h.momentum, h.rest);
    *p -= penalized(state.m, *p, h.weight_decay_rate);
}
