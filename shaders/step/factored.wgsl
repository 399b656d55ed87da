// gradient * factor, of factors as `stored` in clip.wgsl has them: 1 / 3e38 is no normal number, though a gradient of 3e38 times that is.
fn factored(gradient: vec4f, factor: vec4f) -> vec4f {
    return (gradient * select(vec4f(1.0), vec4f(1.1754944e-38), factor < vec4f(0.0))) * abs(factor);
}
