//! Random numbers for tensors: zeros would be cheap for some hardware, and step over branches.

use wgpu_optim::Binding;
use wgpu_optim::adapter::Gpu;

use crate::Result;

/// Uniform in (-0.5, 0.5).
pub fn random(n: usize) -> Vec<f32> {
    let mut state = 0x9e37_79b9_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    (0..n).map(|_| next()).collect()
}

/// A buffer that kernels may bind, where the device allows one so large.
pub fn buffer(gpu: &Gpu, bytes: u64) -> Result<wgpu::Buffer> {
    let scopes = [wgpu::ErrorFilter::OutOfMemory, wgpu::ErrorFilter::Validation].map(|filter| gpu.device.push_error_scope(filter));
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
    let size = bytes.next_multiple_of(16);
    let buffer = gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false });
    let errors: Vec<String> =
        scopes.into_iter().rev().filter_map(|scope| pollster::block_on(scope.pop())).map(|error| error.to_string()).collect();
    match errors.into_iter().next() {
        Some(error) => Err(error.into()),
        None => Ok(buffer),
    }
}

/// Random numbers on the GPU and on the host. Where more are asked for than there are, they repeat.
pub struct Source {
    numbers: Vec<f32>,
    buffer: wgpu::Buffer,
}

/// Gradients are the values' own numbers, so many places further.
const SHIFT: usize = 1024;

impl Source {
    /// For tensors of `n` elements at most.
    pub fn new(gpu: &Gpu, n: usize) -> Result<Self> {
        let numbers = random(n + SHIFT);
        let buffer = buffer(gpu, 4 * numbers.len() as u64)?;
        // In parts, since wgpu stages all of a write at once.
        for (index, part) in numbers.chunks(1 << 24).enumerate() {
            gpu.queue.write_buffer(&buffer, (4 * index as u64) << 24, bytemuck::cast_slice(part));
            gpu.queue.submit([]);
        }
        Ok(Source { numbers, buffer })
    }

    pub fn values(&self, n: usize) -> &[f32] {
        &self.numbers[..n]
    }

    pub fn gradients(&self, n: usize) -> &[f32] {
        &self.numbers[SHIFT..SHIFT + n]
    }

    /// Fills all of a tensor.
    pub fn fill_value(&self, gpu: &Gpu, to: &Binding, n: usize) {
        self.copy(gpu, 0, to.buffer(), to.offset(), n);
    }

    pub fn fill_gradient(&self, gpu: &Gpu, to: &Binding, n: usize) {
        self.copy(gpu, SHIFT, to.buffer(), to.offset(), n);
    }

    pub fn copy(&self, gpu: &Gpu, from: usize, to: &wgpu::Buffer, offset: u64, n: usize) {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        let mut done = 0;
        while done < n {
            let at = (from + done) % self.numbers.len();
            let part = (self.numbers.len() - at).min(n - done);
            encoder.copy_buffer_to_buffer(&self.buffer, 4 * at as u64, to, offset + 4 * done as u64, 4 * part as u64);
            done += part;
        }
        gpu.queue.submit([encoder.finish()]);
    }
}
