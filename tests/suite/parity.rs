//! The rows of every rule in the list, on every device, and what concerns several rules or parameters at once.

use std::sync::Arc;

use libtest_mimic::Trial;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::rule::AnyRule;
use wgpu_optim::testing::{Check, Row, STEPS, Scene, Style, rows, tasks_are_valid};
use wgpu_optim::{Optimizer, Tensors, rules};

use crate::context::{Context, Outcome, has_features_of};

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for (index, context) in contexts.iter().enumerate() {
        for Row { name, check, features } in rules::all().iter().flat_map(|rule| rows(&**rule)) {
            match check {
                Check::OnGpu(run) if wanted(context.name, &name) => {
                    trials.push(context.trial_with(features, name, move |gpu| Ok(run(gpu)?)));
                }
                // Once is enough.
                Check::Plain(run) if index == 0 => trials.push(Trial::test(name, move || Ok(run()?))),
                Check::OnGpu(_) | Check::Plain(_) => {}
            }
        }
    }
    trials.push(Trial::test("shaders/without-a-rule", || Ok(tasks_are_valid()?)));
    for context in contexts {
        trials.push(context.trial("parity/mixed-groups".into(), mixed_groups));
    }
    // The step record of so many parameters is larger than the narrow device's bindings.
    for context in &contexts[..2] {
        trials.push(context.trial("parity/past-65535-workgroups".into(), past_65535_workgroups));
    }
    trials
}

/// Every device is for something else: all rows on the adapter as it is; parity again with fewer bindings and smaller windows; and with
/// smaller buffers only what allocates them.
fn wanted(context: &str, row: &str) -> bool {
    let parity = row.starts_with("parity/");
    match context {
        "adapter" => true,
        "paged" => parity && row.ends_with("/Tensors"),
        _ => parity,
    }
}

/// Groups of one rule with other hyper-parameters, with other states in use, and of other rules, all in one optimizer where its table fits in a binding.
fn mixed_groups(gpu: &Gpu) -> Outcome {
    let cases = rules::all().into_iter().flat_map(|rule| rule.cases()).filter(|(_, rule)| has_features_of(gpu, &**rule));
    // The whole of a matrix that is orthogonalized has to fit in a binding.
    let long = |rule: &dyn AnyRule| if rule.orthogonalizes() { 400 } else { 4100 };
    let short = |rule: &dyn AnyRule, index: usize| if rule.keeps_squares() { 1 } else { index + 1 };
    let lens = |rule: &dyn AnyRule, index: usize| vec![short(rule, index), long(rule) + index];
    let groups: Vec<_> = cases.enumerate().map(|(index, (_, rule))| (rule.boxed(), lens(&*rule, index))).collect();
    // The table of all parameters does not fit in a binding of 64 KiB: two optimizers there, and groups of one rule go to both.
    let optimizers = if gpu.device.limits().max_storage_buffer_binding_size <= 64 << 10 { 2 } else { 1 };
    for first in 0..optimizers {
        let own = groups.iter().skip(first).step_by(optimizers).cloned().collect();
        let mut scene = Scene::with_groups(gpu, own, Style::Tensors, 5)?;
        for _ in 0..STEPS {
            scene.rough_step()?;
            scene.check()?;
        }
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
