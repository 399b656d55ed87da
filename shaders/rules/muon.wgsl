// Muon. Formula, sources and twin: src/rules/muon.rs.

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    let now = select(1.0, bias_correction(h.momentum, step), h.debias > 0.0);
    let next = select(1.0, bias_correction(h.momentum, step + 1.0), h.debias > 0.0);
    let ahead = quotient(h.momentum.beta, next);
    return Scalars(
        quotient(h.nesterov * h.momentum.rest, now),
        select(quotient(1.0, now), ahead, h.nesterov > 0.0),
        h.lr,
        h.lr * h.weight_decay,
    );
}

// What the momentum and the gradient point along.
fn muon_direction(s: Scalars, g: vec4f, b: vec4f) -> vec4f {
    return s.of_gradient * g + s.of_mean * b;
}

fn muon_momentum(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let g = h.sign * gradient;
    state.b = decayed_average(state.b, g, h.momentum);
    state.direction = muon_direction(s, g, state.b);
    state.row_squares = square(state.direction);
}

fn muon_norms(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.squares = saturated(state.row_squares);
}

fn muon_normalize(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let norm = sqrt(state.squares) * h.safety;
    let divisor = by_sign(vec4f(h.added_eps), norm, at_least(norm, vec4f(h.eps)), norm + h.eps);
    // A sum that is f32's largest number has saturated.
    let room = 3.4028234663852886e38 - state.squares;
    state.direction = by_sign(room, vec4f(0.0), vec4f(0.0), state.direction / divisor);
}

fn muon_agree(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.row_agreement = muon_direction(s, h.sign * gradient, state.b) * state.direction;
}

fn muon_agreements(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    state.agreement = saturated(state.row_agreement);
}

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let size = by_sign(vec4f(h.adaptive), vec4f(1.0), vec4f(1.0), state.agreement);
    *p -= penalized(s.step_size * (size * state.direction), *p, s.decay);
}
