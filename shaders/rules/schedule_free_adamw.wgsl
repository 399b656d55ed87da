
// Schedule-free AdamW.
fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let z = select(state.z, *p, s.first != 0.0);
    let g = h.sign * gradient;
    state.v = decayed_average(state.v, square(g), h.beta2);
    let u = penalized(g / (sqrt(state.v) * s.inverse_root2 + h.eps), *p, h.weight_decay);
    *p = lerp(*p, z, s.c) - s.y_step * u;
    state.z = z - s.lr * u;
}
