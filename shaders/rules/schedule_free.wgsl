// What both schedule-free rules have: the rate and weight of each step, and the values to evaluate with. Formula, sources and twin:
// src/rules/schedule_free.rs.

fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {
    let lr = h.lr * quotient(min(step - h.late, h.warmup), h.warmup);
    let risen = ln_ratio(min(step - 1.0, h.warmup), min(step, h.warmup));
    let peak = max(h.lr, last.peak * (1.0 - one_minus_pow(risen, 0.0, 1.0)));
    let exponent = h.r * ln_ratio(step - 1.0, step) + h.weight_lr_power * (risen + ln_ratio(last.peak, peak));
    let weight_sum = 1.0 + (last.weight_sum - last.weight_sum * one_minus_pow(exponent, 0.0, 1.0));
    let c = quotient(1.0, weight_sum);
    let inverse_root2 = inverse_root(bias_correction(h.beta2, step));
    return Scalars(lr, peak, weight_sum, c, lr * (h.rest1 + h.beta1 * c), inverse_root2, select(0.0, 1.0, step <= 1.0));
}

fn evaluate(h: Hyper, s: Scalars, p: ptr<function, vec4f>, state: ptr<function, State>) {
    *p = lerp(*p, state.z, h.outward);
}
