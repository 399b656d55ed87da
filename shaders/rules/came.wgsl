// CAME. Formula, sources and twin: src/rules/came.rs.

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    return Scalars(h.lr * h.weight_decay, 1.0);
}

fn squares(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.row_squares = square(gradient) + h.eps1;
    state.col_squares = square(gradient) + h.eps1;
}

fn average_rows(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.row_var = decayed_average(state.row_var, state.row_squares, h.beta2);
    state.row_mean = state.row_var;
    state.row_root = reciprocal_root(state.row_var);
}

fn average_columns(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.col_var = decayed_average(state.col_var, state.col_squares, h.beta2);
    state.col_root = reciprocal_root_over(state.col_var, state.row_mean);
}

fn deltas(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    // Those of matrices are kept by rows and columns, and no root is taken of an element's.
    if USES_variance {
        state.variance = decayed_average(state.variance, square(gradient) + h.eps1, h.beta2);
    }
    state.updates = square(gradient * factored_root(state.row_root, state.col_root, state.variance));
}

fn resume_deltas(h: Hyper, s: Scalars, sums: Sums) -> Scalars {
    return Scalars(s.decay, quotient(1.0, at_least(vec4f(quotient(sqrt(sums.updates), h.clip_threshold)), vec4f(1.0)).x));
}

fn residuals(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let u = gradient * factored_root(state.row_root, state.col_root, state.variance) * s.shrink;
    state.m = decayed_average(state.m, u, h.beta1);
    state.row_apart = square(u - state.m) + h.eps2;
    state.col_apart = square(u - state.m) + h.eps2;
}

fn average_rows_apart(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.row_res = decayed_average(state.row_res, state.row_apart, h.beta3);
    state.res_mean = state.row_res;
    state.row_res_root = reciprocal_root(state.row_res);
}

fn average_columns_apart(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.col_res = decayed_average(state.col_res, state.col_apart, h.beta3);
    state.col_res_root = reciprocal_root_over(state.col_res, state.res_mean);
}

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let step = h.lr * (state.m * where_zero(state.row_res_root, vec4f(1.0), state.row_res_root * state.col_res_root));
    *p -= penalized(step, *p, s.decay);
}
