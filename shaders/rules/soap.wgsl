// SOAP. Formula, sources and twin: src/rules/soap.rs.

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    let first = step <= 1.0;
    let since = last.since + 1.0;
    // Whole numbers, but for rounding.
    let due = !first && since + 0.5 > h.every;
    // In the first step, nothing has been averaged.
    let k = max(step - 1.0, 1.0);
    let corrected = quotient(h.lr * root(bias_correction(h.beta2, k)), bias_correction(h.beta1, k));
    return Scalars(
        select(h.beta1.rest, 0.0, first),
        select(h.beta2.rest, 0.0, first),
        select(select(h.lr, corrected, h.correct > 0.0), 0.0, first),
        select(h.lr * h.weight_decay, 0.0, first),
        h.shampoo_beta,
        h.shampoo_rest,
        0.0,
        select(0.0, 1.0, first),
        select(0.0, 1.0, due),
        select(since, 0.0, first || due),
    );
}

fn soap_gradient(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.direction = h.sign * gradient;
}

fn soap_moments(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    // In the first step both stay 0.
    state.m += s.take1 * (state.direction - state.m);
    state.v += s.take2 * (square(state.direction) - state.v);
    state.direction = state.m / (sqrt(state.v) + h.eps);
}

fn soap_norm(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.mean_square = normal_square(state.direction);
}

fn resume_soap_norm(h: Hyper, s: Scalars, sums: Sums) -> Scalars {
    let size = select(s.step_size, quotient(s.step_size, 1e-30 + sqrt(sums.mean_square)), h.normalize > 0.0);
    return Scalars(s.take1, s.take2, size, s.decay, s.keep, s.add, s.ridge, s.first, s.due, s.since);
}

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let moved = *p - s.step_size * state.direction;
    *p = moved - penalized(vec4f(0.0), moved, s.decay);
}
