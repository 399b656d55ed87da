//! Views are states that the GPU knows: what does not fit them changes nothing and is told once.

mod changes;
mod within;

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::{Group, Optimizer, Options, Sgd, Tensors, View};

use super::Row;
use crate::context::{Context, Outcome};

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let rows: [Row; 9] = [
        ("evaluate-twice-is-once", changes::evaluate_twice),
        ("train-without-evaluate-is-nothing", changes::train_first),
        ("a-step-in-a-view-changes-nothing", within::step_in_a_view),
        ("what-evaluate-shows", changes::what_evaluate_shows),
        ("what-is-refused", changes::what_is_refused),
        ("all-in-one-encoder", changes::all_in_one_encoder),
        ("reading-in-a-view", within::reading_in_a_view),
        ("writing-in-a-view", within::writing_in_a_view),
        ("changes-in-a-view", within::changes_in_a_view),
    ];
    rows.into_iter().map(|(name, run)| contexts[0].trial(format!("features/views/{name}"), run)).collect()
}

/// One optimizer over `a` and `b`, with gradients that stay.
struct Model<'a> {
    gpu: &'a Gpu,
    tensors: Tensors,
    optimizer: Optimizer,
}

impl<'a> Model<'a> {
    fn new(gpu: &'a Gpu, groups: impl FnOnce(&Tensors) -> Vec<Group>, options: Options) -> Result<Self, Failed> {
        let tensors = Tensors::new(&gpu.device, [("a", [7]), ("b", [4100])])?;
        for name in ["a", "b"] {
            let len = if name == "a" { 7 } else { 4100 };
            let numbers = |scale: f32| (0..len).map(|i| scale * ((i * 37 % 19) as f32 - 8.5)).collect::<Vec<f32>>();
            tensors.write_value(&gpu.queue, name, &numbers(0.125))?;
            tensors.write_gradient(&gpu.queue, name, &numbers(0.03))?;
        }
        let optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, groups(&tensors), options)?;
        Ok(Model { gpu, tensors, optimizer })
    }

    fn one(gpu: &'a Gpu, options: Options) -> Result<Self, Failed> {
        Self::new(gpu, |tensors| vec![Group::new(Sgd { lr: 0.5, momentum: 0.9, ..Sgd::default() }, tensors.params())], options)
    }

    fn submit(&self, record: impl FnOnce(&Optimizer, &mut wgpu::CommandEncoder) -> wgpu_optim::Result<()>) -> Outcome {
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        record(&self.optimizer, &mut encoder)?;
        self.gpu.queue.submit([encoder.finish()]);
        Ok(())
    }

    fn record(&self, what: fn(&Optimizer, &mut wgpu::CommandEncoder)) -> Outcome {
        self.submit(|optimizer, encoder| {
            what(optimizer, encoder);
            Ok(())
        })
    }

    fn swap(&self, average: &str) -> Outcome {
        self.submit(|optimizer, encoder| optimizer.swap(encoder, average))
    }

    fn shown(&self) -> Result<Vec<f32>, Failed> {
        let [a, b] = ["a", "b"].map(|name| block_on(self.optimizer.read_shown(name)));
        Ok([a?, b?].concat())
    }

    /// Everything, as bits: values, states, counts, scalars, progress.
    fn all(&self) -> Result<Vec<u32>, Failed> {
        let mut words = Vec::new();
        for name in ["a", "b"] {
            words.extend(block_on(self.optimizer.read_value(name))?.iter().map(|x| x.to_bits()));
            words.extend(block_on(self.optimizer.read_gradient(name))?.iter().map(|x| x.to_bits()));
            for state in self.optimizer.state_names(name)? {
                words.extend(block_on(self.optimizer.read_state(name, state))?.iter().map(|x| x.to_bits()));
            }
        }
        words.extend(block_on(self.optimizer.read_steps())?);
        words.extend(block_on(self.optimizer.read_scalars())?.concat().iter().map(|x| x.to_bits()));
        let progress = block_on(self.optimizer.read_progress())?;
        words.extend([progress.step, progress.skips, progress.growth_tracker, progress.loss_scale.to_bits()]);
        Ok(words)
    }

    fn view(&self) -> Result<View, Failed> {
        Ok(block_on(self.optimizer.report())?.view)
    }

    /// The next read-back tells this, and the one after it nothing.
    fn tells(&self, expected: &str) -> Outcome {
        let told = block_on(self.optimizer.report()).map_err(|error| error.to_string());
        assert_eq!(told.map(drop), Err(expected.to_owned()));
        assert!(block_on(self.optimizer.report()).is_ok(), "told twice");
        Ok(())
    }
}

fn read_state(model: &Model<'_>, name: &str, state: &str) -> Result<Vec<f32>, Failed> {
    Ok(block_on(model.optimizer.read_state(name, state))?)
}
