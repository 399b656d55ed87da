// Adagrad. Formula, sources and twin: src/rules/adagrad.rs.

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    let initial = select(0.0, h.initial_accumulator_value, step <= 1.0);
    // From integers: as numbers, compilers make `1 - lr_decay + step * lr_decay` of it, and that is 0 in the first step where `lr_decay` is large.
    let earlier = f32(u32(step) - 1u);
    return Scalars(quotient(h.lr, 1.0 + earlier * h.lr_decay), initial);
}

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let g = penalized(h.sign * gradient, *p, h.weight_decay);
    state.sum += s.initial;
    state.sum = saturated(state.sum + square(g));
    *p -= s.step_size * (g / (sqrt(state.sum) + h.eps));
}
