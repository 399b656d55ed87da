//! The kernels around the optimizer's: gradients of all runs, and their trails. One dispatch each for any number of runs.

mod kernel;

use std::error::Error;
use std::sync::{Arc, OnceLock};

use bytemuck::{Pod, Zeroable};
use wgpu_optim::{Binding, Tensors, wgpu};

use crate::functions;
use kernel::{Dispatch, Kernel};

/// The descent of one parameter of two elements.
#[derive(Clone, Debug)]
pub struct Run {
    /// The parameter's name.
    pub param: String,
    /// Which of [`functions::ALL`].
    pub function: usize,
    /// Where it begins.
    pub start: [f32; 2],
}

/// What the kernels know of a run. The same layout as `Run` in `run.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Row {
    value: u32,
    gradient: u32,
    function: u32,
    noise: f32,
}

/// All runs, with what they need on the GPU.
#[derive(Debug)]
pub struct Field {
    runs: usize,
    trails: wgpu::Buffer,
    staging: wgpu::Buffer,
    differentiate: Dispatch,
    record: Dispatch,
}

impl Field {
    /// Puts every run at its start, with room for trails of `points`.
    pub fn new(
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        tensors: &Tensors,
        runs: &[Run],
        points: usize,
        seed: u32,
    ) -> Result<Self, Box<dyn Error>> {
        use wgpu::BufferUsages as Usage;
        let bytes = check_room(&device.limits(), runs.len(), points)?;
        for run in runs {
            tensors.write_value(queue, &run.param, &run.start)?;
        }
        let rows = rows(tensors, runs)?;
        let buffer = |label, size, usage| {
            device.create_buffer(&wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false })
        };
        let table = buffer("runs", size_of_val(&*rows) as u64, Usage::STORAGE | Usage::COPY_DST);
        queue.write_buffer(&table, 0, bytemuck::cast_slice(&rows));
        let steps = buffer("steps", 4 * runs.len() as u64, Usage::STORAGE);
        let trails = buffer("trails", bytes, Usage::STORAGE | Usage::COPY_SRC);
        let staging = buffer("trails, read back", bytes, Usage::MAP_READ | Usage::COPY_DST);
        let first = tensors.param(&runs[0].param)?;
        let (values, gradients) = (first.value.buffer(), first.gradient.buffer());
        let differentiate = Kernel {
            label: "differentiate",
            source: &[include_str!("../noise.wgsl"), &functions::wgsl(), include_str!("run.wgsl"), include_str!("differentiate.wgsl")],
            constants: &[("SEED", f64::from(seed))],
            buffers: &[&table, &steps, values, gradients],
        };
        let record = Kernel {
            label: "record",
            source: &[include_str!("run.wgsl"), include_str!("record.wgsl")],
            constants: &[],
            buffers: &[&table, values, &steps, &trails],
        };
        let (differentiate, record) = (differentiate.build(device), record.build(device));
        Ok(Field { runs: runs.len(), trails, staging, differentiate, record })
    }

    /// Records the gradients of all runs where they are.
    pub fn differentiate(&self, encoder: &mut wgpu::CommandEncoder) {
        self.differentiate.record(encoder, self.runs);
    }

    /// Records that the trails go on to where the runs are; the next gradients get the next step's noise.
    pub fn record(&self, encoder: &mut wgpu::CommandEncoder) {
        self.record.record(encoder, self.runs);
    }

    /// Records the copy that [`Field::trails`] has, up to a number of points.
    pub fn copy(&self, encoder: &mut wgpu::CommandEncoder, points: usize) {
        let bytes = (size_of::<[f32; 2]>() * self.runs * points) as u64;
        encoder.copy_buffer_to_buffer(&self.trails, 0, &self.staging, 0, bytes);
    }

    /// Asks for what was copied last. The answer comes when the copy is done.
    pub fn ask(&self) -> Arc<OnceLock<Result<(), wgpu::BufferAsyncError>>> {
        let asked = Arc::new(OnceLock::new());
        let answer = asked.clone();
        // It comes once.
        self.staging.map_async(wgpu::MapMode::Read, .., move |result| answer.set(result).unwrap_or_default());
        asked
    }

    /// The trail of each run, up to a number of points, once what was asked for is there.
    pub fn trails(&self, points: usize) -> Result<Vec<Vec<[f32; 2]>>, Box<dyn Error>> {
        let all: Vec<[f32; 2]> = bytemuck::pod_collect_to_vec(&self.staging.get_mapped_range(..)?);
        self.staging.unmap();
        let trail = |run: usize| all[run..].iter().step_by(self.runs).take(points).copied().collect();
        Ok((0..self.runs).map(trail).collect())
    }
}

/// The bytes of all trails, if the device can bind so many.
fn check_room(limits: &wgpu::Limits, runs: usize, points: usize) -> Result<u64, String> {
    let bytes = (size_of::<[f32; 2]>() * runs * points) as u64;
    let allowed = limits.max_buffer_size.min(limits.max_storage_buffer_binding_size);
    if bytes > allowed {
        return Err(format!(
            "{points} points of {runs} runs take {bytes} bytes, this adapter binds at most {allowed}: fewer steps or optimizers"
        ));
    }
    Ok(bytes)
}

fn rows(tensors: &Tensors, runs: &[Run]) -> Result<Vec<Row>, Box<dyn Error>> {
    let row = |run: &Run| {
        let param = tensors.param(&run.param)?;
        let element = |binding: &Binding| (binding.offset() / 4) as u32;
        let (value, gradient) = (element(&param.value), element(&param.gradient));
        Ok(Row { value, gradient, function: run.function as u32, noise: functions::ALL[run.function].noise })
    };
    runs.iter().map(row).collect()
}
