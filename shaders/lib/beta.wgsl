// What follows from the decay of a mean. The twins are in src/rule/beta.rs.

// beta * average + (1 - beta) * x.
fn decayed_average(average: vec4f, x: vec4f, beta: Beta) -> vec4f {
    return moving_average(average, x, beta.beta, beta.rest);
}

// 1 - beta^step.
fn bias_correction(beta: Beta, step: f32) -> f32 {
    return one_minus_pow(beta.ln, beta.ln_low, step);
}

