// CautiousAdan. Formula, sources and twin: src/rules/cautious_adan.rs.

fn cautious_means(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let g = h.sign * gradient;
    adan_means(h, s, g, state);
    state.share = where_agreeing(vec4f(1.0), adan_step(h, s, state), g);
}

fn resume_cautious_means(h: Hyper, s: Scalars, sums: Sums) -> Scalars {
    let share = at_least(vec4f(sums.share), vec4f(0.001)).x;
    return Scalars(quotient(s.step1, share), quotient(s.step2, share), s.inverse_root3, s.decay, s.later);
}

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let u = adan_step(h, s, state);
    *p -= penalized(where_agreeing(u, u, h.sign * gradient), *p, s.decay);
}
