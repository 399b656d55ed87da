//! Every contender on every function with every learning rate of the grid, all in one optimizer and one submission.

use std::error::Error;

use wgpu_optim::adapter::Gpu;
use wgpu_optim::rule::AnyRule;
use wgpu_optim::{Group, Optimizer, Tensors, wgpu};

use crate::contenders::Contender;
use crate::field::{Field, Run};
use crate::functions;

/// The learning rates that everybody tries.
pub const GRID: [f64; 13] = [1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.2, 0.5, 1.0];

/// One run's result.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Which of [`functions::ALL`].
    pub function: usize,
    /// Which of the contenders.
    pub contender: usize,
    /// None if the rule has no learning rate.
    pub lr: Option<f64>,
    /// The start, then where each step led.
    pub trail: Vec<[f32; 2]>,
}

/// A contender with one learning rate: a group with a parameter per function.
struct Entry {
    contender: usize,
    lr: Option<f64>,
    rule: Box<dyn AnyRule>,
}

/// All runs, ready to begin.
pub struct Lineup {
    entries: Vec<Entry>,
    runs: Vec<Run>,
    /// One for all.
    pub optimizer: Optimizer,
    /// Their gradients and trails.
    pub field: Field,
}

impl Lineup {
    /// Every contender with every learning rate of the grid, on every function, for a number of steps.
    pub fn new(gpu: &Gpu, contenders: &[Contender], steps: usize, seed: u32) -> Result<Self, Box<dyn Error>> {
        let (device, queue) = (&gpu.device, &gpu.queue);
        let mut entries = Vec::new();
        for (index, contender) in contenders.iter().enumerate() {
            entries.extend(self::entries(index, contender)?);
        }
        let runs: Vec<Run> = entries.iter().flat_map(|entry| runs(entry, &contenders[entry.contender])).collect();
        let tensors = Tensors::new(device, runs.iter().map(|run| (&*run.param, [2])))?;
        let params = tensors.params();
        let params = params.chunks(functions::ALL.len());
        let groups = entries.iter().zip(params).map(|(entry, params)| Group::new(entry.rule.clone(), params.to_vec()));
        let optimizer = Optimizer::with_groups(device, queue, groups)?;
        let field = Field::new(device, queue, &tensors, &runs, steps + 1, seed)?;
        Ok(Lineup { entries, runs, optimizer, field })
    }

    /// The results, of these trails.
    pub fn trials(self, trails: Vec<Vec<[f32; 2]>>) -> Vec<Trial> {
        let of_entry = self.entries.iter().flat_map(|entry| functions::ALL.iter().map(move |_| entry));
        let trial =
            |((entry, run), trail): ((&Entry, Run), _)| Trial { function: run.function, contender: entry.contender, lr: entry.lr, trail };
        of_entry.zip(self.runs).zip(trails).map(trial).collect()
    }
}

/// Records one step of all runs. The points of trails are those that a user would evaluate the model with, for rules that train with others.
pub fn step(encoder: &mut wgpu::CommandEncoder, optimizer: &Optimizer, field: &Field) {
    field.differentiate(encoder);
    optimizer.step(encoder);
    optimizer.evaluate(encoder);
    field.record(encoder);
    optimizer.train(encoder);
}

/// A contender with each learning rate of the grid that its rule accepts; as it is, if the rule has none.
fn entries(contender: usize, of: &Contender) -> wgpu_optim::Result<Vec<Entry>> {
    let has_lr = of.rule.parameters().iter().any(|parameter| parameter.name == "lr");
    let lrs = if has_lr { GRID.map(Some).to_vec() } else { vec![None] };
    let entry = |lr: Option<f64>| {
        let mut rule = of.rule.clone();
        if let Some(lr) = lr {
            rule.set("lr", lr);
        }
        rule.validate().map(|()| Entry { contender, lr, rule })
    };
    let (accepted, refused): (Vec<_>, Vec<_>) = lrs.into_iter().map(entry).partition(|entry| entry.is_ok());
    let all = if accepted.is_empty() { refused } else { accepted };
    all.into_iter().collect()
}

fn runs(entry: &Entry, contender: &Contender) -> Vec<Run> {
    let lr = entry.lr.map(|lr| format!("/{lr}")).unwrap_or_default();
    let run = |(index, function): (usize, &functions::Function)| Run {
        param: format!("{}/{}{lr}", function.name, contender.name),
        function: index,
        start: function.start,
    };
    functions::ALL.iter().enumerate().map(run).collect()
}
