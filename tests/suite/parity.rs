//! GPU = CPU twin: every rule x named case x way of laying out buffers x device; every buffer, every step.

use std::sync::Arc;

use libtest_mimic::Trial;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::rule::{AnyRule, Bounded};
use wgpu_optim::{Optimizer, Tensors, rules};

use crate::context::{Context, Outcome};
use crate::scene::{STYLES, Scene, Style};

/// Around the sizes of a vector, a workgroup and a chunk; 70,000 elements do not fit into a window of the narrow device.
pub const SIZES: [usize; 13] = [1, 3, 4, 5, 255, 256, 257, 1757, 4095, 4096, 4097, 10, 70_000];
const STEPS: usize = 4;

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for context in contexts {
        for rule in rules::all() {
            for (case, configured) in rule.cases() {
                for style in STYLES.into_iter().filter(|style| context.name != "paged" || *style == Style::Tensors) {
                    let configured = configured.clone();
                    let name = format!("parity/{}/{case}/{style:?}", rule.name());
                    trials.push(context.trial(name, move |gpu| agrees(gpu, &*configured, style)));
                }
            }
        }
        for rule in rules::all() {
            let name = format!("parity/{}/tolerances-are-tight", rule.name());
            trials.push(context.trial(name, move |gpu| tight(gpu, &*rule)));
        }
        trials.push(context.trial("parity/mixed-groups".into(), mixed_groups));
    }
    // The step record of so many parameters is larger than the narrow device's bindings.
    for context in &contexts[..2] {
        trials.push(context.trial("parity/past-65535-workgroups".into(), past_65535_workgroups));
    }
    trials
}

pub fn agrees(gpu: &Gpu, rule: &dyn AnyRule, style: Style) -> Outcome {
    let mut scene = Scene::new(gpu, rule, style, &SIZES, 17)?;
    for _ in 0..STEPS {
        scene.step(|_| true)?;
        scene.check()?;
    }
    Ok(())
}

/// A tolerance that is as large as what it judges would judge nothing: the median one is below 1e-5 of the displacement, besides the
/// rounding of the value itself.
fn tight(gpu: &Gpu, rule: &dyn AnyRule) -> Outcome {
    for (case, rule) in rule.cases() {
        let mut scene = Scene::new(gpu, &*rule, Style::Tensors, &[1757], 3)?;
        let start = scene.truth.clone();
        for _ in 0..STEPS {
            scene.step(|_| true)?;
        }
        let relative = |(truth, start): (&Bounded, &Bounded)| {
            let rounding = STEPS as f64 * 2.0_f64.powi(-23) * truth.value.abs().max(start.value.abs());
            (truth.error - rounding) / (truth.value - start.value).abs()
        };
        let mut relative: Vec<f64> = scene.truth[0].iter().zip(&start[0]).map(relative).filter(|x| x.is_finite()).collect();
        relative.sort_by(f64::total_cmp);
        let median = relative[relative.len() / 2];
        assert!(relative.len() > 1000 && median < 1e-5, "{case}: the median tolerance is {median:e} of the displacement");
    }
    Ok(())
}

/// Groups of one rule with other hyper-parameters, with other states in use, and of other rules, all in one optimizer.
fn mixed_groups(gpu: &Gpu) -> Outcome {
    let cases = rules::all().into_iter().flat_map(|rule| rule.cases());
    let groups: Vec<_> = cases.enumerate().map(|(index, (_, rule))| (rule, vec![index + 1, 4100 + index])).collect();
    let mut scene = Scene::with_groups(gpu, groups, Style::Tensors, 5)?;
    for _ in 0..STEPS {
        scene.step(|_| true)?;
        scene.check()?;
    }
    Ok(())
}

/// One workgroup per tensor: more than one dimension of a dispatch holds.
fn past_65535_workgroups(gpu: &Gpu) -> Outcome {
    let names: Vec<String> = (0..65_537).map(|index| index.to_string()).collect();
    let tensors = Tensors::new(&gpu.device, names.iter().map(|name| (name, [1])))?;
    let rule = wgpu_optim::Sgd { lr: 1.0, ..Default::default() };
    let optimizer = Optimizer::new(&gpu.device, &gpu.queue, rule, tensors.params())?;
    let ones = vec![1.0_f32; tensors.value("0")?.buffer().size() as usize / 4];
    gpu.queue.write_buffer(tensors.gradient("0")?.buffer(), 0, bytemuck::cast_slice(&ones));
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    optimizer.step(&mut encoder);
    gpu.queue.submit([encoder.finish()]);
    for name in ["0", "1", "32767", "32768", "65534", "65535", "65536"] {
        assert_eq!(pollster::block_on(optimizer.read_value(name))?, [-1.0], "tensor {name}");
    }
    let steps = pollster::block_on(optimizer.read_steps())?;
    assert!(steps.iter().all(|&step| step == 1));
    Ok(())
}
