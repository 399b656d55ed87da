//! Draws splats and differentiates the mean squared error, on the GPU, deterministically: no float is added atomically.

use wgpu_optim::wgpu;

use crate::kernel::{Dispatch, Kernel, buffer};
use crate::splats::{CAPACITY, Splats};

/// Pixels of a tile in both directions; pictures have whole tiles.
pub const TILE: usize = 8;
/// Splats in a tile's list at most; its length stands before them.
pub const ROOM: usize = 383;
/// Sums of a splat in a tile.
const SUMS: usize = 9;
/// Steps that the log has room for.
pub const LOGGED: usize = 100;

const COMMON: &str = include_str!("common.wgsl");
const SUMMED: &str = include_str!("sums.wgsl");

/// The kernels that work on tiles, whatever the splats are.
pub struct Raster {
    size: [usize; 2],
    /// How many splats there are, as the kernels read it.
    pub count: wgpu::Buffer,
    /// What was drawn: red, green, blue and what of the black behind is seen, for each pixel.
    pub image: wgpu::Buffer,
    /// How many steps since it was cleared, and the mean squared error of each.
    pub log: wgpu::Buffer,
    /// Not 0 if a tile's list was too short at any time.
    pub full: wgpu::Buffer,
    splats: wgpu::Buffer,
    /// For each tile and 32 splats, which of them may touch it, and how many of those before.
    marks: wgpu::Buffer,
    parts: wgpu::Buffer,
    project: Kernel,
    gather: Kernel,
    tiled: [Dispatch; 3],
    record: Dispatch,
}

/// The kernels that read and write the parameters of some splats.
pub struct Bound {
    project: Dispatch,
    gather: Dispatch,
}

impl Raster {
    /// For pictures like this one: rows of pixels, a whole number of tiles.
    pub fn new(device: &wgpu::Device, queue: &wgpu::Queue, goal: &[[f32; 3]], size: [usize; 2]) -> Result<Self, String> {
        if size.iter().any(|along| !along.is_multiple_of(TILE)) || goal.len() != size[0] * size[1] {
            return Err(format!("a picture of {size:?} with {} pixels is not made of whole tiles of {TILE} x {TILE}", goal.len()));
        }
        let kernel = |label, source: &str| {
            let constants = [("WIDTH", size[0] as f64), ("HEIGHT", size[1] as f64), ("CAPACITY", CAPACITY as f64)];
            let shared = format!("const TILE = {TILE}u; const ROOM = {ROOM}u; const SUMS = {SUMS}u;\n");
            Kernel::new(device, label, &[&shared, COMMON, SUMMED, source], &constants)
        };
        let (pixels, tiles) = (goal.len(), goal.len() / (TILE * TILE));
        let buffer = |label, words| buffer(device, label, words);
        let [splats, lists, image] =
            [("projected", 12 * CAPACITY), ("lists", (ROOM + 1) * tiles), ("image", 4 * pixels)].map(|(l, n)| buffer(l, n));
        let [parts, losses, log] =
            [("parts", SUMS * TILE * (ROOM + 1) * tiles), ("losses", TILE * tiles), ("log", LOGGED + 1)].map(|(l, n)| buffer(l, n));
        let (full, target, marks) = (buffer("full", 1), buffer("goal", 4 * pixels), buffer("marks", CAPACITY / 16 * tiles));
        let rows: Vec<[f32; 4]> = goal.iter().map(|&[red, green, blue]| [red, green, blue, 0.0]).collect();
        queue.write_buffer(&target, 0, bytemuck::cast_slice(&rows));
        let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        let count = device.create_buffer(&wgpu::BufferDescriptor { label: Some("count"), size: 16, usage, mapped_at_creation: false });
        let tiled = [
            kernel("list", include_str!("list.wgsl")).bind(device, &[&count, &marks, &lists, &full]),
            kernel("forward", include_str!("forward.wgsl")).bind(device, &[&splats, &lists, &image]),
            kernel("backward", include_str!("backward.wgsl")).bind(device, &[&splats, &lists, &image, &target, &parts, &losses]),
        ];
        let record = kernel("record", include_str!("record.wgsl")).bind(device, &[&losses, &log]);
        let (project, gather) = (kernel("project", include_str!("project.wgsl")), kernel("gather", include_str!("gather.wgsl")));
        Ok(Raster { size, count, image, log, full, splats, marks, parts, project, gather, tiled, record })
    }

    /// Binds the parameters of these splats.
    pub fn bind(&self, device: &wgpu::Device, splats: &Splats) -> Bound {
        let project: Vec<_> = [&self.count].into_iter().chain(&splats.values).chain([&self.splats, &self.marks]).collect();
        let gather: Vec<_> = [&self.count, &self.splats, &self.marks, &self.parts].into_iter().chain(&splats.gradients).collect();
        Bound { project: self.project.bind(device, &project), gather: self.gather.bind(device, &gather) }
    }

    /// Sets how many splats there are, for what is submitted from now on.
    pub fn set_count(&self, queue: &wgpu::Queue, count: usize) {
        queue.write_buffer(&self.count, 0, bytemuck::cast_slice(&[count as u32, 0, 0, 0]));
    }

    /// Records what comes before the pass that draws.
    pub fn clear(&self, encoder: &mut wgpu::CommandEncoder) {
        encoder.clear_buffer(&self.marks, 0, None);
    }

    /// Records the drawing of so many splats.
    pub fn draw(&self, pass: &mut wgpu::ComputePass<'_>, bound: &Bound, count: usize) {
        let tiles = self.tiles();
        bound.project.record(pass, [count.div_ceil(64) as u32, 1]);
        self.tiled[0].record(pass, [(tiles[0] * tiles[1]).div_ceil(32), 1]);
        self.tiled[1].record(pass, tiles);
    }

    /// Records the same and the backward pass: gradients are in their buffers, the loss is in the log.
    pub fn differentiate(&self, pass: &mut wgpu::ComputePass<'_>, bound: &Bound, count: usize) {
        self.draw(pass, bound, count);
        self.tiled[2].record(pass, self.tiles());
        bound.gather.record(pass, [count.div_ceil(64) as u32, 1]);
        self.record.record(pass, [1, 1]);
    }

    fn tiles(&self) -> [u32; 2] {
        self.size.map(|along| (along / TILE) as u32)
    }
}
