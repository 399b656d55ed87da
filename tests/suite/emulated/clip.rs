//! The factors of clipping.

use libtest_mimic::Trial;
use wgpu_optim::rule::Layout;
use wgpu_optim::step::{ClipWords, StepKind};
use wgpu_optim::{Sgd, wgsl};

use super::arithmetic::Arithmetic;
use super::machine::{Machine, Value};
use crate::context::Outcome;

/// Of a clipped gradient, relative; what f32 has no normal number for may be 0.
const TOLERANCE: f64 = 2e-6;

const GRADIENTS: [[f32; 4]; 9] = [
    [3e38, 0.0, 0.0, 0.0],
    [3e38, 1.0, 1.0, 1.0],
    [3e38, -3e38, 3e38, 3e38],
    [2e38, 1e-3, 0.0, 0.0],
    [1e9, -1.0, 0.5, 1e-20],
    [1e-20, 2e-20, 0.0, -1e-20],
    [1.3e-26, 0.0, 0.0, 0.0],
    [0.6, 0.0, -0.8, 0.0],
    [0.0; 4],
];
const SCALES: [f64; 5] = [1.0 / 18_446_744_073_709_551_616.0, 1e-3, 1.0, 2.0, 18_446_744_073_709_551_616.0];
const LIMITS: [f64; 5] = [1e-30, 0.1, 1.0, 1e30, 3e38];
const EPS: [f64; 3] = [0.0, 1e-6, 1.0];

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("emulated/clip/two", || by_norm(&source(), 2)),
        Trial::test("emulated/clip/infinity", || by_norm(&source(), 3)),
        Trial::test("emulated/clip/adaptive", || adaptive(&source())),
    ]
}

/// The text that forms factors, and that multiplies by them.
pub fn source() -> String {
    let features = StepKind { measures: true, ..StepKind::default() };
    wgsl::prepare(&Sgd::default(), 0, 256, &features).source + include_str!("../../../shaders/step/factored.wgsl")
}

/// Of what the kernels measure: squares of small numbers times 2^46, those from 2^27 on times 2^-156, and the largest magnitude.
fn sums(x: &[f32; 4]) -> (f32, f32, u32) {
    let square = |x: f32, by: i32| (f64::from(x) * 2.0_f64.powi(by)).powi(2);
    let (large, small): (Vec<f32>, Vec<f32>) = x.iter().partition(|x| x.abs() >= 134_217_728.0);
    let low: f64 = small.into_iter().map(|x| square(x, 23)).sum();
    let high: f64 = large.into_iter().map(|x| square(x, -78)).sum();
    (low as f32, high as f32, x.iter().map(|x| x.abs().to_bits()).max().unwrap_or_default())
}

fn norm(x: &[f32; 4], order: u32) -> f64 {
    match order {
        2 => x.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt(),
        _ => x.iter().map(|&x| f64::from(x.abs())).fold(0.0, f64::max),
    }
}

/// The gradient times a factor, as the update multiplies them, against the exact product.
fn check(machine: &Machine, gradient: &[f32; 4], factor: Value, exact: f64, what: &dyn Fn() -> String) -> Outcome {
    let got = machine.call("factored", vec![Value::floats(gradient), Value::Many(vec![factor; 4])]).parts();
    for (got, &gradient) in got.iter().zip(gradient) {
        let (got, truth) = (f64::from(got.float()), f64::from(gradient) * exact);
        let holds = if truth.abs() < 5e-38 { got.abs() <= truth.abs() + 1.2e-38 } else { (got - truth).abs() <= TOLERANCE * truth.abs() };
        if truth.abs() <= f64::from(f32::MAX) && !holds {
            return Err(format!("{:?}, {}: {gradient:e} became {got:e}, expected {truth:e}", machine.arithmetic, what()).into());
        }
    }
    Ok(())
}

pub fn by_norm(source: &str, order: u32) -> Outcome {
    let mut machine = Machine::new(source)?;
    let entry = machine.structure("ParamSettings", &[]);
    for arithmetic in Arithmetic::all() {
        machine.arithmetic = arithmetic;
        for gradient in GRADIENTS {
            let (low, high, largest) = sums(&gradient);
            let sum = machine.structure("Sum", &[("low", Value::F(low)), ("high", Value::F(high)), ("largest", Value::U(largest))]);
            machine.set("sums", Value::Many(vec![sum]));
            for unscale in SCALES {
                for (limit, eps) in LIMITS.into_iter().flat_map(|limit| EPS.map(|eps| (limit, eps))) {
                    let words = ClipWords { kind: order, limit: limit as f32, eps: eps as f32 }.words();
                    let clip = vec![Value::U(words[0]), Value::F(f32::from_bits(words[1])), Value::F(f32::from_bits(words[2]))];
                    let factor = machine.call("gradient_factor", vec![entry.clone(), Value::Many(clip), Value::F(unscale as f32)]);
                    let long = unscale * norm(&gradient, order) + eps;
                    let exact = unscale * if long > limit { limit / long } else { 1.0 };
                    check(&machine, &gradient, factor, exact, &|| format!("max_norm {limit:e}, eps {eps:e}, times {unscale:e}"))?;
                }
            }
        }
    }
    Ok(())
}

pub fn adaptive(source: &str) -> Outcome {
    let mut machine = Machine::new(source)?;
    for arithmetic in Arithmetic::all() {
        machine.arithmetic = arithmetic;
        for (gradient, values) in GRADIENTS.into_iter().flat_map(|gradient| GRADIENTS.map(|values| (gradient, values))) {
            for unscale in SCALES {
                let length = |x: &[f32; 4], scale: f64| {
                    let (low, high, _) = sums(x);
                    machine.call("wide_norm", vec![Value::F(low), Value::F(high), Value::F(scale as f32)])
                };
                for (clipping, eps) in [(0.01, 1e-3), (1.0, 0.0), (1e-30, 1.0), (1e30, 1e-6)] {
                    let arguments = vec![length(&gradient, unscale), length(&values, 1.0), Value::F(clipping as f32), Value::F(eps as f32)];
                    let own = machine.call("adaptive_factor", arguments);
                    let unscaling = machine.call("wide", vec![Value::F(unscale as f32)]);
                    let factor = machine.call("stored", vec![machine.call("wide_product", vec![unscaling, own])]);
                    let (long, longest) = (unscale * norm(&gradient, 2), clipping * norm(&values, 2).max(eps));
                    let exact = unscale * if long < longest { 1.0 } else { longest / long.max(1e-6) };
                    check(&machine, &gradient, factor, exact, &|| format!("{values:?}, {clipping:e}, eps {eps:e}, times {unscale:e}"))?;
                }
            }
        }
    }
    Ok(())
}
