//! LAMB's ratio of norms: how near two sums over a million elements are to the exact ones, and that they are the same each time.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::testing::{Random, must_fail};
use wgpu_optim::{Lamb, Optimizer, Tensors};

use crate::context::{Context, Outcome};

/// A name, and how each value and each gradient is drawn.
type Fill = (&'static str, fn(&mut Random) -> f32);

const TOLERANCE: f64 = 1e-6;
/// No power of two, and no whole number of chunks.
const ELEMENTS: usize = 1_000_003;

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let fills: [Fill; 4] = [
        ("normal", |random| random.normal() as f32),
        // The same roundings everywhere, so that their errors do not cancel.
        ("constant", |_| 0.7),
        ("mixed", |random| random.normal() as f32 * 10.0_f32.powi((random.bits() % 7) as i32 - 3)),
        ("tiny", |random| (1e-6 * random.normal()) as f32),
    ];
    // Workgroups of a software adapter's kernels have another size than all others; the last one's windows are many.
    let rows = contexts[..3].iter().flat_map(|context| fills.map(|fill| (context, fill)));
    rows.map(|(context, (name, fill))| context.trial(format!("lamb-ratio/{name}"), move |gpu| is_near(gpu, fill))).collect()
}

/// A step's ratio is within 1e-6 of the one in f64, and the same, bit for bit, in another optimizer.
fn is_near(gpu: &Gpu, fill: fn(&mut Random) -> f32) -> Outcome {
    let mut random = Random(5);
    let mut draw = || -> Vec<f32> { (0..ELEMENTS).map(|_| fill(&mut random)).collect() };
    let (values, gradients) = (draw(), draw());
    let rule = Lamb { lr: 1.0, eps: 1e-3, weight_decay: 0.1, ..Lamb::default() };
    let ratio = || -> Result<f32, Failed> {
        let tensors = Tensors::new(&gpu.device, [("w", [ELEMENTS])])?;
        tensors.write_value(&gpu.queue, "w", &values)?;
        tensors.write_gradient(&gpu.queue, "w", &gradients)?;
        let optimizer = Optimizer::new(&gpu.device, &gpu.queue, rule, tensors.params())?;
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        optimizer.step(&mut encoder);
        gpu.queue.submit([encoder.finish()]);
        let step_size = wgpu_optim::rule::AnyRule::scalar_fields(&rule).iter().position(|&name| name == "step_size");
        Ok(block_on(optimizer.read_scalars())?[0][step_size.ok_or("no step size")?])
    };
    let (got, truth) = (ratio()?, first_ratio(&rule, &values, &gradients));
    let within = |truth: f64| match (f64::from(got) / truth - 1.0).abs() <= TOLERANCE {
        true => Ok(()),
        false => Err(format!("{got:e}, expected {truth:e}")),
    };
    eprintln!("{}: {:.1e} from the ratio of {ELEMENTS} elements", gpu.info.name, f64::from(got) / truth - 1.0);
    within(truth)?;
    must_fail("a ratio that is off", within(truth * (1.0 + 2.1e-6)))?;
    assert_eq!(ratio()?.to_bits(), got.to_bits());
    Ok(())
}

/// `norm(p) / norm(u)` of the first step, whose means are those of one gradient.
fn first_ratio(rule: &Lamb, values: &[f32], gradients: &[f32]) -> f64 {
    let pairs = values.iter().zip(gradients).map(|(&p, &g)| (f64::from(p), f64::from(g)));
    let squares = pairs.map(|(p, g)| {
        let u = g / (g.abs() + rule.eps) + rule.weight_decay * p;
        (p * p, u * u)
    });
    let (p, u) = squares.fold((0.0, 0.0), |sum, own| (sum.0 + own.0, sum.1 + own.1));
    (p / u).sqrt()
}
