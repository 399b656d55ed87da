//! States stored by their names: rules with three states and more, and a rule of one's own, agree with the twin, are saved as they lie, and go on; a name that there is not is refused.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use pollster::block_on;
use safetensors::{Dtype as FileType, SafeTensors};
use wgpu_optim::adapter::Gpu;
use wgpu_optim::checkpoint::{Checkpoint, RestoreOptions};
use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::rule::AnyRule;
use wgpu_optim::testing::{Scene, Style, gradients, values};
use wgpu_optim::{AdamW, Adan, Dtype, Group, Optimizer, Options, Sgd, StateStorage, Tensors};

use super::codes::Keeping;
use super::parity::agrees;
use crate::context::{Context, Outcome};
use crate::read::{kept, same};

const SIZES: [usize; 6] = [5, 257, 1757, 4096, 4099, 9000];

fn named(named: &'static [(&'static str, Dtype)]) -> StateStorage {
    StateStorage { named, least: 1, ..StateStorage::default() }
}

/// The types of states in a file.
type Types = Vec<(&'static str, FileType)>;

/// Rules, what their states are stored as, and the types of these in a file.
fn cases() -> Vec<(&'static str, Box<dyn AnyRule>, StateStorage, Types)> {
    let amsgrad = AdamW { amsgrad: true, ..Default::default() };
    let of_amsgrad = named(&[("exp_avg", Dtype::Bf16), ("exp_avg_sq", Dtype::Dynamic8), ("max_exp_avg_sq", Dtype::F32)]);
    // Three of four by name, and the other one as states with a sign are.
    let of_adan = named(&[("exp_avg_diff", Dtype::Dynamic8), ("exp_avg_sq", Dtype::Dynamic8), ("previous_grad", Dtype::F16)]);
    let of_own = StateStorage { named: &[("v", Dtype::Bf16)], least: 1, ..StateStorage::all(Dtype::Dynamic8) };
    vec![
        (
            "AMSGrad",
            amsgrad.into(),
            of_amsgrad,
            vec![("exp_avg", FileType::BF16), ("exp_avg_sq", FileType::U8), ("max_exp_avg_sq", FileType::F32)],
        ),
        (
            "Adan",
            Adan::default().into(),
            StateStorage { m: Dtype::Bf16, ..of_adan },
            vec![
                ("exp_avg", FileType::BF16),
                ("exp_avg_diff", FileType::U8),
                ("exp_avg_sq", FileType::U8),
                ("previous_grad", FileType::F16),
            ],
        ),
        ("own-rule", Keeping::default().into(), of_own, vec![("m", FileType::U8), ("v", FileType::BF16)]),
    ]
}

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for context in &contexts[..2] {
        for (name, rule, storage, types) in cases() {
            let own = rule.clone();
            let run = move |gpu: &Gpu| agrees(gpu, &*own, storage, Style::Separate, &SIZES);
            trials.push(context.trial(format!("storage/named/parity/{name}"), run));
            let run = move |gpu: &Gpu| keeps(gpu, &*rule, storage, &types);
            trials.push(context.trial(format!("storage/named/keeping/{name}"), run));
        }
    }
    trials.push(contexts[0].trial("storage/named/refusals".into(), refusals));
    trials
}

fn made(gpu: &Gpu, rule: &dyn AnyRule, state: StateStorage) -> Result<(Optimizer, Tensors), Failed> {
    const LEN: usize = 5_001;
    let tensors = Tensors::new(&gpu.device, [("w", [LEN])])?;
    tensors.write_value(&gpu.queue, "w", &values(1, LEN))?;
    tensors.write_gradient(&gpu.queue, "w", &gradients(2, LEN))?;
    let groups = [Group::new(rule.boxed(), tensors.params())];
    let options = Options { state, ..Default::default() };
    Ok((Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, groups, options)?, tensors))
}

/// A file has each state as it lies, and an optimizer that reads it makes the same steps.
fn keeps(gpu: &Gpu, rule: &dyn AnyRule, state: StateStorage, types: &[(&str, FileType)]) -> Outcome {
    let ((run, _tensors), (resumed, _others)) = (made(gpu, rule, state)?, made(gpu, rule, state)?);
    let step = |optimizer: &Optimizer| {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        optimizer.step(&mut encoder);
        gpu.queue.submit([encoder.finish()]);
    };
    (0..3).for_each(|_| step(&run));
    let bytes = block_on(run.checkpoint())?.to_bytes()?;
    let file = SafeTensors::deserialize(&bytes)?;
    for (name, expected) in types {
        assert_eq!(file.tensor(&format!("w/{name}"))?.dtype(), *expected, "{name}");
        assert_eq!(file.tensor(&format!("w/{name}.scale")).is_ok(), *expected == FileType::U8, "{name}");
    }
    resumed.restore(&Checkpoint::from_bytes(&bytes)?, RestoreOptions::default())?;
    same(&kept(&resumed)?, &kept(&run)?)?;
    [&run, &resumed].into_iter().for_each(step);
    same(&kept(&resumed)?, &kept(&run)?)
}

/// With the rule's name and the state's, on both sides with the same words.
fn refusals(gpu: &Gpu) -> Outcome {
    let cases: [(Box<dyn AnyRule>, StateStorage, &str); 4] = [
        (
            AdamW::default().into(),
            named(&[("exp_avg", Dtype::Bf16), ("exp_avg_cube", Dtype::Dynamic8)]),
            "w: AdamW has no state \"exp_avg_cube\" that can be stored as Dynamic8; those that can be are \"exp_avg\", \"exp_avg_sq\", \"max_exp_avg_sq\"",
        ),
        // Of rows.
        (
            AdamW::default().into(),
            named(&[("exp_avg_sq_row", Dtype::Bf16)]),
            "w: AdamW has no state \"exp_avg_sq_row\" that can be stored as Bf16; those that can be are \"exp_avg\", \"exp_avg_sq\", \"max_exp_avg_sq\"",
        ),
        (
            AdamW::default().into(),
            named(&[("exp_avg", Dtype::Bf16), ("exp_avg", Dtype::F16)]),
            "w: AdamW's state \"exp_avg\" is named twice, as Bf16 and as F16",
        ),
        (
            Sgd::default().into(),
            named(&[("exp_avg", Dtype::Bf16)]),
            "w: Sgd has no state \"exp_avg\" that can be stored as Bf16; those that can be are \"momentum_buffer\"",
        ),
    ];
    for (rule, state, expected) in cases {
        let groups = || vec![Group::new(rule.clone(), [CpuParam::new("w", &[5_000])])];
        let options = Options { state, ..Default::default() };
        let on_host = CpuOptimizer::<f32>::with_options(groups(), options).err().map(|error| error.to_string()).unwrap_or_default();
        let on_gpu = Scene::with_options(gpu, groups(), options, Style::Tensors, 1).err().map(|failure| failure.0);
        assert_eq!(on_host, expected);
        assert_eq!(on_gpu, Some(on_host));
    }
    Ok(())
}
