// CAME. Formula, sources and twin: src/rules/came.rs.

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    return Scalars(h.lr * h.weight_decay, 1.0);
}

// x / sqrt(row / mean * column). The mean is 0 where there are no rows, which is for vectors: then x / sqrt(each).
fn came_ratio(x: vec4f, row: vec4f, mean: vec4f, column: vec4f, each: vec4f) -> vec4f {
    let first = sqrt(by_sign(mean, each, each, at_least(ratio(row, mean), vec4f(1.1754944e-38))));
    let second = sqrt(by_sign(mean, vec4f(1.0), vec4f(1.0), column));
    return x / first / second;
}

fn squares(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.row_squares = square(gradient) + h.eps1;
    state.col_squares = square(gradient) + h.eps1;
}

fn average_rows(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.row_var = decayed_average(state.row_var, state.row_squares, h.beta2);
    state.row_mean = state.row_var;
}

fn average_columns(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.col_var = decayed_average(state.col_var, state.col_squares, h.beta2);
}

fn deltas(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.variance = decayed_average(state.variance, square(gradient) + h.eps1, h.beta2);
    state.updates = square(came_ratio(gradient, state.row_var, state.row_mean, state.col_var, state.variance));
}

fn resume_deltas(h: Hyper, s: Scalars, sums: Sums) -> Scalars {
    return Scalars(s.decay, at_least(vec4f(quotient(sqrt(sums.updates), h.clip_threshold)), vec4f(1.0)).x);
}

fn residuals(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let u = came_ratio(gradient, state.row_var, state.row_mean, state.col_var, state.variance) / s.excess;
    state.m = decayed_average(state.m, u, h.beta1);
    state.row_apart = square(u - state.m) + h.eps2;
    state.col_apart = square(u - state.m) + h.eps2;
}

fn average_rows_apart(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.row_res = decayed_average(state.row_res, state.row_apart, h.beta3);
    state.res_mean = state.row_res;
}

fn average_columns_apart(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.col_res = decayed_average(state.col_res, state.col_apart, h.beta3);
}

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let step = h.lr * came_ratio(state.m, state.row_res, state.res_mean, state.col_res, vec4f(1.0));
    *p -= penalized(step, *p, s.decay);
}
