//! The landscapes. Each has its gradient, by the same name, in `functions.wgsl`.

/// A function of two variables whose least value is 0.
#[derive(Debug)]
pub struct Function {
    /// In the parameters' names, and what `functions.wgsl` calls the gradient.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// For people.
    pub formula: &'static str,
    /// The function in f64, for contours and scores.
    pub value: fn(f64, f64) -> f64,
    /// Where every run begins.
    pub start: [f32; 2],
    /// Where the function is 0.
    pub minima: &'static [[f64; 2]],
    /// What the sheet shows of each axis.
    pub window: [[f64; 2]; 2],
    /// Standard deviation of the noise on each component of the gradient.
    pub noise: f32,
}

/// All of them; a run refers to them by their place here.
///
/// Rosenbrock, doi 10.1093/comjnl/3.3.175, from its classic start; Beale, "On an iterative method for finding a local minimum of a function
/// of more than one variable" (1958), from the plateau; Himmelblau, "Applied nonlinear programming" (1972), from beside its local maximum,
/// between all four minima; a double well, from beside the ridge that leads to its saddle; and a quadratic of condition 10 that lies
/// askew to the axes, of which only noisy gradients are seen.
pub const ALL: [Function; 5] = [
    Function {
        name: "rosenbrock",
        title: "Rosenbrock",
        formula: "(1 − x)² + 100 (y − x²)²",
        value: rosenbrock,
        start: [-1.2, 1.0],
        minima: &[[1.0, 1.0]],
        window: [[-1.8, 1.8], [-0.9, 2.1]],
        noise: 0.0,
    },
    Function {
        name: "beale",
        title: "Beale",
        formula: "(1.5 − x + xy)² + (2.25 − x + xy²)² + (2.625 − x + xy³)²",
        value: beale,
        start: [0.5, 1.5],
        minima: &[[3.0, 0.5]],
        window: [[-1.0, 4.4], [-2.0, 2.5]],
        noise: 0.0,
    },
    Function {
        name: "himmelblau",
        title: "Himmelblau",
        formula: "(x² + y − 11)² + (x + y² − 7)²",
        value: himmelblau,
        start: [0.5, -1.0],
        minima: &[
            [3.0, 2.0],
            [-2.805_118_086_952_745, 3.131_312_518_250_573],
            [-3.779_310_253_377_747, -3.283_185_991_286_17],
            [3.584_428_340_330_492, -1.848_126_526_964_404],
        ],
        window: [[-5.4, 5.4], [-4.5, 4.5]],
        noise: 0.0,
    },
    Function {
        name: "saddle",
        title: "Saddle",
        formula: "x² / 2 + (y² − 1)² / 4",
        value: saddle,
        start: [-1.5, 1e-3],
        minima: &[[0.0, 1.0], [0.0, -1.0]],
        window: [[-1.9, 1.82], [-1.55, 1.55]],
        noise: 0.0,
    },
    Function {
        name: "noisy_quadratic",
        title: "Noisy quadratic",
        formula: "(x + y − 2)² / 2 + 5 (x − y)²",
        value: noisy_quadratic,
        start: [-2.0, 0.5],
        minima: &[[1.0, 1.0]],
        window: [[-2.4, 2.16], [-1.6, 2.2]],
        noise: 2.0,
    },
];

fn rosenbrock(x: f64, y: f64) -> f64 {
    (1.0 - x).powi(2) + 100.0 * (y - x * x).powi(2)
}

fn beale(x: f64, y: f64) -> f64 {
    (1.5 - x + x * y).powi(2) + (2.25 - x + x * y.powi(2)).powi(2) + (2.625 - x + x * y.powi(3)).powi(2)
}

fn himmelblau(x: f64, y: f64) -> f64 {
    (x * x + y - 11.0).powi(2) + (x + y * y - 7.0).powi(2)
}

fn saddle(x: f64, y: f64) -> f64 {
    x * x / 2.0 + (y * y - 1.0).powi(2) / 4.0
}

fn noisy_quadratic(x: f64, y: f64) -> f64 {
    (x + y - 2.0).powi(2) / 2.0 + 5.0 * (x - y).powi(2)
}

/// The WGSL of all gradients, and of `gradient`, which picks one by its place in [`ALL`].
pub fn wgsl() -> String {
    let cases: String =
        (0..).zip(&ALL).map(|(index, function)| format!("        case {index}u: {{ return {}(p.x, p.y); }}\n", function.name)).collect();
    let choice = format!(
        "\nfn gradient(function: u32, p: vec2f) -> vec2f {{\n    switch function {{\n{cases}        default: {{ return vec2f(); }}\n    }}\n}}\n"
    );
    [include_str!("functions.wgsl"), &choice].concat()
}
