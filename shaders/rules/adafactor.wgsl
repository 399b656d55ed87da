// Adafactor. Formula, sources and twin: src/rules/adafactor.rs.

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    let weight = power(step, h.exponent, h.exponent_low);
    return Scalars(weight, min(h.lr, inverse_root(step)), h.lr * h.weight_decay);
}

// U. `row_root` is 0 where there are no rows: for vectors.
fn adafactor_step(h: Hyper, g: vec4f, state: ptr<function, State>) -> vec4f {
    return g * at_most(factored_root(state.row_root, state.col_root, state.variance), vec4f(h.most));
}

fn squares(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.row_squares = square(gradient);
    state.col_squares = square(gradient);
}

fn average_rows(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.row_var = moving_average(state.row_var, state.row_squares, 1.0 - s.weight, s.weight);
    state.row_mean = state.row_var;
    state.row_root = reciprocal_root(state.row_var);
}

fn average_columns(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.col_var = moving_average(state.col_var, state.col_squares, 1.0 - s.weight, s.weight);
    state.col_root = reciprocal_root_over(state.col_var, at_least(state.row_mean, vec4f(h.least)));
}

fn deltas(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    // Those of matrices are kept by rows and columns, and no root is taken of an element's.
    if USES_variance {
        state.variance = moving_average(state.variance, square(gradient), 1.0 - s.weight, s.weight);
    }
    state.updates = square(adafactor_step(h, h.sign * gradient, state));
    state.values = square(*p);
}

fn resume_deltas(h: Hyper, s: Scalars, sums: Sums) -> Scalars {
    let size = at_least(vec4f(sqrt(sums.values)), vec4f(h.eps2)).x;
    let excess = at_least(vec4f(sqrt(sums.updates) / h.d), vec4f(1.0)).x;
    return Scalars(s.weight, quotient(s.step_size * size, excess), s.decay);
}

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let step = s.step_size * adafactor_step(h, h.sign * gradient, state);
    *p -= penalized(step, *p, s.decay);
}
