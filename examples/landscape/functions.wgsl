// The gradients of the landscapes. A function's name is that of its value in `functions.rs`.

fn rosenbrock(x: f32, y: f32) -> vec2f {
    let bend = y - x * x;
    return vec2f(-2.0 * (1.0 - x) - 400.0 * x * bend, 200.0 * bend);
}

fn beale(x: f32, y: f32) -> vec2f {
    let a = 1.5 - x + x * y;
    let b = 2.25 - x + x * y * y;
    let c = 2.625 - x + x * y * y * y;
    return 2.0 * (a * vec2f(y - 1.0, x) + b * vec2f(y * y - 1.0, 2.0 * x * y) + c * vec2f(y * y * y - 1.0, 3.0 * x * y * y));
}

fn himmelblau(x: f32, y: f32) -> vec2f {
    let a = x * x + y - 11.0;
    let b = x + y * y - 7.0;
    return 2.0 * (a * vec2f(2.0 * x, 1.0) + b * vec2f(1.0, 2.0 * y));
}

fn saddle(x: f32, y: f32) -> vec2f {
    return vec2f(x, y * (y * y - 1.0));
}

fn noisy_quadratic(x: f32, y: f32) -> vec2f {
    return (x + y - 2.0) * vec2f(1.0, 1.0) + 10.0 * (x - y) * vec2f(1.0, -1.0);
}
