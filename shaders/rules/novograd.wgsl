// NovoGrad. Formula, sources and twin: src/rules/novograd.rs.

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    return Scalars(last.nu, select(h.rest2, 1.0, step <= 1.0), 1.0);
}

fn novograd_norm(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.squares = square(gradient);
}

fn resume_novograd_norm(h: Hyper, s: Scalars, sums: Sums) -> Scalars {
    let nu = moving_average(vec4f(s.nu), vec4f(sums.squares), 1.0 - s.weight, s.weight).x;
    return Scalars(nu, s.weight, select(sqrt(nu + h.eps_root) + h.eps, -1.0, is_beyond(sums.squares)));
}

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let a = select(gradient / s.denominator, vec4f(0.0), s.denominator < 0.0);
    state.m = h.beta1 * state.m + penalized(a, *p, h.weight_decay);
    *p -= h.lr * state.m;
}
