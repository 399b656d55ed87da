// Adan.
fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    adan_means(h, s, h.sign * gradient, state);
    *p -= penalized(adan_step(h, s, state), *p, s.decay);
}
