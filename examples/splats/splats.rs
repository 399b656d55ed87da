//! The splats: five parameters, each in a buffer of its own, with its gradient in another.

use wgpu_optim::adapter::Gpu;
use wgpu_optim::{Adam, Binding, Ema, Group, Optimizer, Options, Param, Schedule, wgpu};

use crate::kernel::buffer;
use crate::random::Random;

/// How many splats there is room for.
pub const CAPACITY: usize = 4096;
/// In so many steps the learning rate of the positions falls to a hundredth, as in 3D Gaussian splatting.
const FALL: f64 = 2000.0;

/// A parameter: its name, how many numbers of it each splat has, and its learning rate.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// The optimizer knows it by this name.
    pub name: &'static str,
    /// Numbers of a splat.
    pub width: usize,
    lr: f64,
}

/// Means in pixels; logarithms of the standard deviations along the splat's own axes; angles of the first of these; colours as they are; logits of opacities.
pub const KINDS: [Kind; 5] = [
    Kind { name: "positions", width: 2, lr: 0.20 },
    Kind { name: "scales", width: 2, lr: 0.02 },
    Kind { name: "angles", width: 1, lr: 0.03 },
    Kind { name: "colors", width: 3, lr: 0.01 },
    Kind { name: "opacities", width: 1, lr: 0.04 },
];

/// Buffers with room for [`CAPACITY`] splats.
pub struct Splats {
    /// In the order of [`KINDS`].
    pub values: [wgpu::Buffer; 5],
    /// Theirs.
    pub gradients: [wgpu::Buffer; 5],
}

impl Splats {
    /// Empty ones.
    pub fn new(device: &wgpu::Device) -> Self {
        let buffers = || KINDS.map(|kind| buffer(device, kind.name, kind.width * CAPACITY));
        Splats { values: buffers(), gradients: buffers() }
    }

    /// Fills the first rows.
    pub fn write(&self, queue: &wgpu::Queue, values: &[Vec<f32>; 5]) {
        for (buffer, values) in self.values.iter().zip(values) {
            queue.write_buffer(buffer, 0, bytemuck::cast_slice(values));
        }
    }

    /// The first `count` of them as the optimizer's parameters.
    pub fn params(&self, count: usize) -> Vec<Param> {
        let param = |((kind, value), gradient): ((&Kind, &wgpu::Buffer), &wgpu::Buffer)| {
            let shape = [count, kind.width];
            let shape = &shape[..if kind.width == 1 { 1 } else { 2 }];
            // The state has room for as many as the values, so that its memory is used again when rows change.
            let reserved_rows = value.size() as usize / (4 * kind.width);
            Param { reserved_rows, ..Param::new(kind.name, shape, Binding::prefix(value), Binding::prefix(gradient)) }
        };
        KINDS.iter().zip(&self.values).zip(&self.gradients).map(param).collect()
    }

    /// Adam with a learning rate for each parameter, that of the positions falling exponentially; and a moving average of the values, to show.
    pub fn optimizer(&self, gpu: &Gpu, count: usize) -> wgpu_optim::Result<Optimizer> {
        let group = |(kind, param): (&Kind, Param)| {
            let rule = Adam { lr: kind.lr, eps: 1e-15, ..Default::default() };
            let falling = || ("lr".to_owned(), Schedule::Exponential { from: kind.lr, gamma: 0.01_f64.powf(1.0 / FALL) });
            let schedules = if kind.name == "positions" { vec![falling()] } else { Vec::new() };
            Group { schedules, ..Group::new(rule, [param]) }
        };
        let groups: Vec<Group> = KINDS.iter().zip(self.params(count)).map(group).collect();
        let options = Options { ema: Some(Ema { decay: 0.98, ..Default::default() }), ..Default::default() };
        Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, groups, options)
    }
}

/// Splats anywhere, of any colour, about as large as their distances.
pub fn random(count: usize, [width, height]: [usize; 2], seed: u64) -> [Vec<f32>; 5] {
    let mut random = Random::new(seed, 0);
    // A third of the distance to the next one.
    let size = (0.35 * ((width * height) as f32 / count as f32).sqrt()).ln();
    let mut splats: [Vec<f32>; 5] = Default::default();
    for _ in 0..count {
        let mut part = || 0.5 + 0.5 * random.signed();
        let [positions, scales, angles, colors, opacities] = &mut splats;
        positions.extend([part() * width as f32, part() * height as f32]);
        scales.extend([size + 0.3 * part(), size - 0.3 * part()]);
        angles.push(part() * std::f32::consts::PI);
        colors.extend([part(), part(), part()]);
        opacities.push(0.0);
    }
    splats
}
