//! Sophia's estimate of the Hessian, which only the caller can give: written by the host and by a pass, used when it is due.

use std::sync::Arc;

use libtest_mimic::Trial;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::CpuOptimizer;
use wgpu_optim::rule::Bounded;
use wgpu_optim::testing::{Random, compare, gradients, must_fail, values};
use wgpu_optim::{Optimizer, Sophia, Tensors};

use crate::context::{Context, Outcome};

const LEN: usize = 4099;

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    contexts.iter().map(|context| context.trial("sophia/estimates-of-the-caller".into(), estimates_of_the_caller)).collect()
}

/// Positive, from 1e-3 to 1e3, anew for each step.
fn estimates(step: usize) -> Vec<f32> {
    let mut random = Random(900 + step as u64);
    (0..LEN).map(|_| 10.0_f64.powf(6.0 * random.uniform() - 3.0) as f32).collect()
}

/// The formula once more, in f64, with the count of steps itself.
struct Reference {
    p: Vec<f64>,
    m: Vec<f64>,
    h: Vec<f64>,
}

impl Reference {
    fn step(&mut self, rule: &Sophia, t: usize, g: &[f32], estimate: &[f32]) {
        for i in 0..LEN {
            self.m[i] = rule.beta1 * self.m[i] + (1.0 - rule.beta1) * f64::from(g[i]);
            let u = self.m[i] / (1.0 - rule.beta1.powi(t as i32)) / (rule.gamma * self.h[i]).max(rule.eps);
            self.p[i] -= rule.lr * (u.clamp(-rule.clip_threshold, rule.clip_threshold) + rule.weight_decay * self.p[i]);
            if (t - 1).is_multiple_of(rule.update_interval as usize) {
                self.h[i] = rule.beta2 * self.h[i] + (1.0 - rule.beta2) * f64::from(estimate[i]);
            }
        }
    }
}

fn estimates_of_the_caller(gpu: &Gpu) -> Outcome {
    let rule = Sophia { lr: 2e-2, beta1: 0.8, beta2: 0.7, gamma: 0.05, update_interval: 3.0, weight_decay: 0.1, ..Sophia::default() };
    let tensors = Tensors::new(&gpu.device, [("w", [LEN])])?;
    let optimizer = Optimizer::new(&gpu.device, &gpu.queue, rule, tensors.params())?;
    let mut twin = CpuOptimizer::<Bounded>::new(rule, [("w", LEN)])?;
    let start = values(5, LEN);
    tensors.write_value(&gpu.queue, "w", &start)?;
    let given = |numbers: &[f32]| numbers.iter().copied().map(Bounded::given).collect::<Vec<_>>();
    let mut truth = given(&start);
    let mut reference = Reference { p: start.iter().map(|&x| f64::from(x)).collect(), m: vec![0.0; LEN], h: vec![0.0; LEN] };
    for t in 1..=8 {
        let (g, estimate) = (gradients(50 + t as u64, LEN), estimates(t));
        tensors.write_gradient(&gpu.queue, "w", &g)?;
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        if t % 2 == 0 {
            optimizer.write_state("w", "hessian_estimate", &estimate)?;
        } else {
            let source = other_pass(gpu, &estimate);
            let binding = optimizer.state("w", "hessian_estimate")?;
            encoder.copy_buffer_to_buffer(&source, 0, binding.buffer(), binding.offset(), 4 * LEN as u64);
        }
        optimizer.step(&mut encoder);
        gpu.queue.submit([encoder.finish()]);
        twin.state_mut("w", "hessian_estimate")?.copy_from_slice(&given(&estimate));
        twin.step(&mut [&mut truth], &[Some(&given(&g))])?;
        reference.step(&rule, t, &g, &estimate);
        compare(&format!("step {t}: w"), &pollster::block_on(optimizer.read_value("w"))?, &truth)?;
        compare(&format!("step {t}: h"), &pollster::block_on(optimizer.read_state("w", "h"))?, twin.state("w", "h")?)?;
        let estimated = pollster::block_on(optimizer.read_state("w", "hessian_estimate"))?;
        assert_eq!(estimated, estimate, "step {t}: the estimate is the caller's");
        same(&format!("step {t}: w of the twin"), &truth, &reference.p)?;
        same(&format!("step {t}: h of the twin"), twin.state("w", "h")?, &reference.h)?;
    }
    // The estimates mattered: without them every element that is not tiny is clipped.
    let mut unfed = Reference { p: start.iter().map(|&x| f64::from(x)).collect(), m: vec![0.0; LEN], h: vec![0.0; LEN] };
    (1..=8).for_each(|t| unfed.step(&rule, t, &gradients(50 + t as u64, LEN), &[0.0; LEN]));
    Ok(must_fail("missing estimates", same("w", &truth, &unfed.p))?)
}

fn other_pass(gpu: &Gpu, data: &[f32]) -> wgpu::Buffer {
    use wgpu::util::DeviceExt;
    let contents = bytemuck::cast_slice(data);
    gpu.device.create_buffer_init(&wgpu::util::BufferInitDescriptor { label: None, contents, usage: wgpu::BufferUsages::COPY_SRC })
}

fn same(what: &str, twin: &[Bounded], reference: &[f64]) -> Outcome {
    for (index, (twin, &reference)) in twin.iter().zip(reference).enumerate() {
        if (twin.value - reference).abs() > 1e-12 * (1.0 + reference.abs()) {
            return Err(format!("{what}[{index}]: {} instead of {reference}", twin.value).into());
        }
    }
    Ok(())
}
