//! Which splats go and which become two: decided on the GPU, by how hard the positions were pulled.

use wgpu_optim::{Binding, RowChange, wgpu};

use crate::kernel::{Dispatch, Kernel, buffer};
use crate::splats::{CAPACITY, Splats};

/// A splat whose position has had gradients of this length in the mean, for a loss that is a sum over pixels, becomes two.
const HARD: f64 = 0.015;
/// A splat goes if it is less opaque, or if a standard deviation is less than so many pixels.
const FAINTEST: f64 = 0.02;
const SMALLEST: f64 = 0.12;

/// The kernels.
pub struct Density {
    /// For each splat that there will be, the one that it is now.
    index: wgpu::Buffer,
    pulls: wgpu::Buffer,
    /// How many there will be, how many went, and how many were cloned.
    pub planned: wgpu::Buffer,
    pull: Kernel,
    plan: Kernel,
    split: Kernel,
}

/// The kernels with the parameters of some splats.
pub struct Bound {
    pull: Dispatch,
    plan: Dispatch,
}

impl Density {
    /// For pictures of so many pixels, and changes after so many steps.
    pub fn new(device: &wgpu::Device, pixels: usize, steps: usize) -> Self {
        let fresh = ("FRESH", f64::from(RowChange::FRESH));
        // The loss is a mean over pixels and colours.
        let hard = HARD * steps as f64 / (3 * pixels) as f64;
        let limits = [("FAINTEST", (FAINTEST / (1.0 - FAINTEST)).ln()), ("SMALLEST", SMALLEST.ln())];
        let plan = [fresh, ("CAPACITY", CAPACITY as f64), ("HARD", hard), limits[0], limits[1]];
        let kernel = |label, source, constants: &[_]| Kernel::new(device, label, &[source], constants);
        Density {
            index: buffer(device, "index", CAPACITY),
            pulls: buffer(device, "pulls", CAPACITY),
            planned: buffer(device, "planned", 3),
            pull: kernel("pull", include_str!("pull.wgsl"), &[]),
            plan: kernel("plan", include_str!("plan.wgsl"), &plan),
            split: kernel("split", include_str!("split.wgsl"), &[fresh]),
        }
    }

    /// Binds the parameters of these splats.
    pub fn bind(&self, device: &wgpu::Device, count: &wgpu::Buffer, splats: &Splats) -> Bound {
        let [_, scales, _, _, opacities] = &splats.values;
        let plan = [count, scales, opacities, &self.pulls, &self.index, &self.planned];
        let pull = [count, &splats.gradients[0], &self.pulls];
        Bound { pull: self.pull.bind(device, &pull), plan: self.plan.bind(device, &plan) }
    }

    /// Records that the gradients of a step are added to what decides.
    pub fn add(&self, pass: &mut wgpu::ComputePass<'_>, bound: &Bound, count: usize) {
        bound.pull.record(pass, [count.div_ceil(64) as u32, 1]);
    }

    /// Records the decision; what decides begins anew.
    pub fn plan(&self, encoder: &mut wgpu::CommandEncoder, bound: &Bound) {
        bound.plan.record(&mut encoder.begin_compute_pass(&Default::default()), [1, 1]);
        encoder.clear_buffer(&self.pulls, 0, None);
    }

    /// The index of so many rows, for the optimizer.
    pub fn rows(&self, count: usize) -> Binding {
        Binding::new(&self.index, 0, 4 * count as u64)
    }

    /// Binds what moves clones and originals apart, once the rows have changed: these are the splats as they are then, and the optimizer's averages of
    /// their positions, scales and opacities.
    pub fn split(&self, device: &wgpu::Device, count: &wgpu::Buffer, splats: &Splats, averages: &[Binding]) -> Dispatch {
        let [positions, scales, angles, _, opacities] = &splats.values;
        let own = [count, &self.index, angles, positions, scales, opacities].map(wgpu::Buffer::as_entire_binding);
        self.split.bind_parts(device, own.into_iter().chain(averages.iter().map(Binding::resource)))
    }
}
