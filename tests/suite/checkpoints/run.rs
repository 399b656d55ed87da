//! A run: an optimizer over tensors of its own, along gradients that follow from the number of the step.

use std::collections::BTreeMap;

use libtest_mimic::Failed;
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::testing::{gradients, values};
use wgpu_optim::{Checkpoint, Group, LossScale, LrScales, NonFinite, Optimizer, Options, Param, Tensors, wgpu};

use crate::features::pairs::Setting;

/// An optimizer and its tensors.
pub struct Run<'a> {
    pub gpu: &'a Gpu,
    pub setting: Setting,
    pub tensors: Tensors,
    pub optimizer: Optimizer,
    /// Where parameters are that have moved since.
    pub others: Option<Tensors>,
}

/// All parameters of a setting.
pub fn params(setting: &Setting) -> impl Iterator<Item = &CpuParam> {
    setting.groups.iter().flat_map(|group| &group.params)
}

impl<'a> Run<'a> {
    /// With values of this seed.
    pub fn new(gpu: &'a Gpu, setting: &Setting, seed: u64) -> Result<Self, Failed> {
        let tensors = Tensors::new(&gpu.device, params(setting).map(|param| (param.name.clone(), param.shape.clone())))?;
        for (index, param) in params(setting).enumerate() {
            tensors.write_value(&gpu.queue, &param.name, &values(seed + index as u64, param.shape.iter().product()))?;
        }
        let group = |group: &Group<CpuParam>| -> Result<Group, Failed> {
            let params = group.params.iter().map(|own| described(gpu, tensors.param(&own.name)?.clone(), own));
            let params = params.collect::<Result<Vec<Param>, Failed>>()?;
            Ok(Group {
                name: group.name.clone(),
                clip: group.clip,
                schedules: group.schedules.clone(),
                ..Group::new(group.rule.clone(), params)
            })
        };
        let groups = setting.groups.iter().map(group).collect::<Result<Vec<_>, Failed>>()?;
        let optimizer = Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, groups, setting.options)?;
        Ok(Run { gpu, setting: setting.clone(), tensors, optimizer, others: None })
    }

    /// The gradients of a step, as large as a scale of the loss expects them.
    fn write_gradients(&self, step: u64) -> Result<(), Failed> {
        // Where it may be skipped, the third step is.
        let options = &self.setting.options;
        let overflows = step == 2 && (options.non_finite == NonFinite::Skip || matches!(options.loss_scale, LossScale::Dynamic(_)));
        for param in params(&self.setting) {
            let mut gradients = step_gradients(param, step);
            if overflows && param.name == "p1" {
                gradients[3] = f32::INFINITY;
            }
            let moved = self.others.as_ref().filter(|others| others.param(&param.name).is_ok());
            moved.unwrap_or(&self.tensors).write_gradient(&self.gpu.queue, &param.name, &gradients)?;
        }
        Ok(())
    }

    pub fn micro_batch(&self, step: u64) -> Result<(), Failed> {
        self.write_gradients(step)?;
        self.submit(|encoder| self.optimizer.accumulate(encoder))
    }

    pub fn steps(&self, steps: impl IntoIterator<Item = u64>) -> Result<(), Failed> {
        for step in steps {
            self.write_gradients(step)?;
            self.submit(|encoder| {
                self.optimizer.step(encoder);
                Ok(())
            })?;
        }
        Ok(())
    }

    pub fn submit(&self, record: impl FnOnce(&mut wgpu::CommandEncoder) -> wgpu_optim::Result<()>) -> Result<(), Failed> {
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        record(&mut encoder)?;
        self.gpu.queue.submit([encoder.finish()]);
        Ok(())
    }

    pub fn submit_change(
        &mut self,
        record: impl FnOnce(&mut Optimizer, &mut wgpu::CommandEncoder) -> wgpu_optim::Result<()>,
    ) -> Result<(), Failed> {
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        record(&mut self.optimizer, &mut encoder)?;
        self.gpu.queue.submit([encoder.finish()]);
        Ok(())
    }

    pub fn checkpoint(&self) -> Result<Checkpoint, Failed> {
        Ok(block_on(self.optimizer.checkpoint())?)
    }

    /// What is shown after `evaluate`, and the trained values again.
    pub fn evaluated(&self) -> Result<Vec<Vec<u32>>, Failed> {
        self.submit(|encoder| {
            self.optimizer.evaluate(encoder);
            Ok(())
        })?;
        let shown = params(&self.setting).map(|param| Ok(bits(&block_on(self.optimizer.read_shown(&param.name))?))).collect();
        self.submit(|encoder| {
            self.optimizer.train(encoder);
            Ok(())
        })?;
        shown
    }
}

/// The gradients of a parameter in a step.
fn step_gradients(param: &CpuParam, step: u64) -> Vec<f32> {
    let number: u64 = param.name.bytes().map(u64::from).sum();
    gradients(1000 * number + step, param.shape.iter().product())
}

fn described(gpu: &Gpu, mut param: Param, own: &CpuParam) -> Result<Param, Failed> {
    (param.lr_scale, param.frozen, param.lr_scale_schedules) = (own.lr_scale, own.frozen, own.lr_scale_schedules.clone());
    if let Some((scales, shape)) = &own.lr_scales {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
        let size = 4 * scales.len().max(1) as u64;
        let buffer = gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false });
        gpu.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(scales));
        let binding = wgpu_optim::Binding::new(&buffer, 0, 4 * scales.len() as u64);
        param.lr_scales = Some(LrScales { binding, shape: shape.clone() });
    }
    Ok(param)
}

pub fn bits(data: &[f32]) -> Vec<u32> {
    data.iter().map(|x| x.to_bits()).collect()
}

/// All of a checkpoint by name, in bits, whatever the order of the parameters is.
pub fn contents(checkpoint: &Checkpoint) -> BTreeMap<String, Vec<u32>> {
    let mut all: BTreeMap<String, Vec<u32>> = checkpoint.tensors().map(|(name, _, data)| (name, bits(data))).collect();
    all.extend(checkpoint.names().map(|name| (format!("{name} steps"), vec![checkpoint.steps(name).unwrap_or(u32::MAX)])));
    let progress = checkpoint.progress();
    all.insert("progress".into(), vec![progress.step, progress.skips, progress.loss_scale.to_bits(), progress.growth_tracker]);
    all
}

/// Fails at the first tensor that differs.
pub fn same(what: &str, got: &Checkpoint, expected: &Checkpoint) -> Result<(), Failed> {
    let (got, expected) = (contents(got), contents(expected));
    assert_eq!(got.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{what}");
    match expected.iter().find(|(name, data)| got[*name] != **data) {
        Some((name, data)) => {
            Err(format!("{what}: {name} is {:x?}, expected {data:x?}", got[name]).chars().take(2000).collect::<String>().into())
        }
        None => Ok(()),
    }
}

/// A run on the CPU.
pub struct CpuRun {
    setting: Setting,
    optimizer: CpuOptimizer<f32>,
    values: Vec<Vec<f32>>,
}

impl CpuRun {
    /// With values of this seed.
    pub fn new(setting: &Setting, seed: u64) -> Result<Self, Failed> {
        let optimizer = CpuOptimizer::with_options(setting.groups.clone(), setting.options)?;
        let values = (seed..).zip(params(setting)).map(|(seed, param)| values(seed, param.shape.iter().product())).collect();
        Ok(CpuRun { setting: setting.clone(), optimizer, values })
    }

    pub fn steps(&mut self, steps: impl IntoIterator<Item = u64>) -> Result<(), Failed> {
        for step in steps {
            let gradients: Vec<Vec<f32>> = params(&self.setting).map(|param| step_gradients(param, step)).collect();
            let gradients: Vec<Option<&[f32]>> = gradients.iter().map(|own| Some(&**own)).collect();
            self.optimizer.step(&mut self.values.iter_mut().map(|own| &mut **own).collect::<Vec<_>>(), &gradients)?;
        }
        Ok(())
    }

    /// Other rows for these parameters, with these values where rows are new.
    pub fn change_rows(&mut self, rows: &[u32], params: Vec<CpuParam>, values: &[Vec<f32>]) -> Result<(), Failed> {
        let before = self.values.clone();
        let own: Vec<CpuParam> = self.setting.groups.iter().flat_map(|group| group.params.clone()).collect();
        let index = |param: &CpuParam| own.iter().position(|own| own.name == param.name).unwrap_or_default();
        let mut now = values.to_vec();
        let tensors = params.iter().zip(&mut now).map(|(param, now)| (param.clone(), Some(&*before[index(param)]), &mut **now));
        self.optimizer.change_rows(rows, tensors)?;
        for (param, now) in params.into_iter().zip(now) {
            self.values[index(&param)] = now;
            let all = self.setting.groups.iter_mut().flat_map(|group| &mut group.params);
            all.filter(|own| own.name == param.name).for_each(|own| own.shape.clone_from(&param.shape));
        }
        Ok(())
    }

    /// More or fewer rows for these parameters, with these values where rows are new.
    pub fn resize_rows(&mut self, params: Vec<CpuParam>, values: &[Vec<f32>]) -> Result<(), Failed> {
        for (param, new) in params.iter().zip(values) {
            let index = self::params(&self.setting).position(|own| own.name == param.name).unwrap_or_default();
            let had = &self.values[index];
            self.values[index] = new.iter().enumerate().map(|(at, new)| had.get(at).copied().unwrap_or(*new)).collect();
            let all = self.setting.groups.iter_mut().flat_map(|group| &mut group.params);
            all.filter(|own| own.name == param.name).for_each(|own| own.shape.clone_from(&param.shape));
        }
        let index = |param: &CpuParam| self::params(&self.setting).position(|own| own.name == param.name).unwrap_or_default();
        let tensors: Vec<_> = params.into_iter().map(|param| (param.clone(), &*self.values[index(&param)])).collect();
        self.optimizer.resize_rows(tensors)?;
        Ok(())
    }

    /// Other options.
    pub fn change_options(&mut self, options: Options) -> Result<(), Failed> {
        let mut values: Vec<&mut [f32]> = self.values.iter_mut().map(|own| &mut **own).collect();
        self.optimizer.change_options(&mut values, options)?;
        self.setting.options = options;
        Ok(())
    }

    /// The optimizer itself.
    pub fn optimizer(&mut self) -> &mut CpuOptimizer<f32> {
        &mut self.optimizer
    }

    pub fn checkpoint(&self) -> Result<Checkpoint, Failed> {
        Ok(self.optimizer.checkpoint(Some(&self.values.iter().map(|own| &**own).collect::<Vec<_>>()))?)
    }

    pub fn restore(&mut self, checkpoint: &Checkpoint) -> Result<(), Failed> {
        let mut values: Vec<&mut [f32]> = self.values.iter_mut().map(|own| &mut **own).collect();
        self.optimizer.restore(checkpoint, Some(&mut values), Default::default())?;
        Ok(())
    }
}
