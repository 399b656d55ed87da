// Fromage. Formula, sources and twin: src/rules/fromage.rs.

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    let squared = square(vec4f(h.lr)).x;
    let length = root(1.0 + squared);
    return Scalars(quotient(h.lr, length), quotient(squared, 1.0 + squared + length));
}

fn fromage_norms(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.values = square(*p);
    state.gradients = square(gradient);
}

fn resume_fromage_norms(h: Hyper, s: Scalars, sums: Sums) -> Scalars {
    let values = at_least(vec4f(sqrt(sums.values)), vec4f(h.min_norm)).x;
    let gradients = at_least(vec4f(sqrt(sums.gradients)), vec4f(h.min_norm)).x;
    let ratio = saturated(vec4f(quotient(values, gradients))).x;
    return Scalars(select(s.step_size * ratio, 0.0, is_beyond(sums.gradients)), s.shrink);
}

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    *p -= penalized(s.step_size * gradient, *p, s.shrink);
}
