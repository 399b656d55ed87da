//! This crate's own CPU backend, on tensors of a model.

use wgpu_optim::AdamW;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::rule::Rule;

use crate::Result;
use crate::data::Source;
use crate::measure::Contender;
use crate::report::CPU;

/// A rule over tensors.
pub struct Twin<'a> {
    optimizer: CpuOptimizer<f32>,
    values: Vec<Vec<f32>>,
    gradients: Vec<&'a [f32]>,
}

impl<'a> Twin<'a> {
    /// AdamW over tensors of these lengths.
    pub fn new(source: &'a Source, lengths: impl IntoIterator<Item = usize>) -> Result<Self> {
        Twin::of(AdamW::default(), source, lengths.into_iter().map(|n| vec![n]))
    }

    /// A rule over tensors of these shapes.
    pub fn of(rule: impl Rule, source: &'a Source, shapes: impl IntoIterator<Item = Vec<usize>>) -> Result<Self> {
        let params: Vec<CpuParam> = (0..).zip(shapes).map(|(index, shape): (u32, _)| CpuParam::new(index.to_string(), &shape)).collect();
        let lengths: Vec<usize> = params.iter().map(|param| param.shape.iter().product()).collect();
        let optimizer = CpuOptimizer::new(rule, params)?;
        let values = lengths.iter().map(|&n| source.values(n).to_vec()).collect();
        // Each its own place, or the gradients of a model would stay in the caches.
        let mut at = 0;
        let gradients = lengths.iter().map(|&n| {
            at += n;
            &source.gradients(at)[at - n..]
        });
        Ok(Twin { optimizer, values, gradients: gradients.collect() })
    }

    pub fn contender(&mut self) -> Contender<'_> {
        let Twin { optimizer, values, gradients } = self;
        Contender::host(CPU, move || {
            let gradients: Vec<Option<&[f32]>> = gradients.iter().map(|&gradient| Some(gradient)).collect();
            let mut values: Vec<&mut [f32]> = values.iter_mut().map(Vec::as_mut_slice).collect();
            Ok(optimizer.step(&mut values, &gradients)?)
        })
    }
}
