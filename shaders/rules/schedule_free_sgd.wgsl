
// Schedule-free SGD.
fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let z = select(state.z, *p, s.first != 0.0);
    let u = penalized(h.sign * gradient, *p, h.weight_decay);
    *p = lerp(*p, z, s.c) - s.y_step * u;
    state.z = z - s.lr * u;
}
