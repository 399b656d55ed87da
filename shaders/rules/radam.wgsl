// RAdam. Formula, sources and twin: src/rules/radam.rs.

fn rho(h: Hyper, step: f32) -> f32 {
    let x = -0.5 * step * h.beta2.ln;
    if x < 0.5 {
        let y = x * x;
        let series = x * (3.3333333e-1 - y * (2.2222222e-2 - y * (2.1164021e-3 - y * (2.1164021e-4 - y * 2.1377799e-5))));
        return step - step * series + h.rho_offset;
    }
    let power = step_pow(h.beta2.ln, h.beta2.ln_low, step);
    return h.rho_inf - quotient(2.0 * step * power, bias_correction(h.beta2, step));
}

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    let step_size = quotient(h.lr, bias_correction(h.beta1, step));
    if step < h.rectified_from {
        return Scalars(step_size, 0.0, h.lr * h.decoupled_decay);
    }
    let length = rho(h, step);
    let ratio = quotient((length - 4.0) * (length - 2.0), length);
    let bias_correction2 = bias_correction(h.beta2, step);
    return Scalars(step_size, root(ratio * bias_correction2) * h.rectification, h.lr * h.decoupled_decay);
}

fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    let g = penalized(h.sign * gradient, *p, h.coupled_decay);
    state.m = decayed_average(state.m, g, h.beta1);
    state.v = decayed_average(state.v, square(g), h.beta2);
    var direction = state.m;
    if s.rectifier > 0.0 {
        direction *= s.rectifier / (sqrt(state.v) + h.eps);
    }
    *p -= penalized(s.step_size * direction, *p, s.decay);
}
