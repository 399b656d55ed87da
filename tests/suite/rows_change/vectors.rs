//! A rule of one's own that keeps a number for each row: a vector is one row, whose number stays whatever becomes of its elements.

use std::sync::Arc;

use libtest_mimic::Trial;
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::rule::{Extent, NoScalars, Range, Real, Rule, Stage, square};
use wgpu_optim::{Optimizer, RowChange, Tensors, hyper_parameters, layout, state, wgpu};

use crate::context::{Context, Outcome};

hyper_parameters! {
    /// Steps along the gradient over the sum of what the mean of its square in each row was.
    pub struct ByRows {
        /// Step size.
        pub lr: f64 = 0.1, Range::NON_NEGATIVE;
    }
}

layout! {
    /// Per group.
    pub struct Hyper<F> { lr: F }
}

state! {
    /// A number for each row.
    pub struct State<F> { row: Rows = "row" }
    sums { squares: Mean over Rows }
}

impl Rule for ByRows {
    const NAME: &'static str = "ByRows";
    const FORMULA: &'static str = "row += mean of g^2 over the row;  p -= lr * g / row";
    const WGSL: &'static str = "
        fn add_squares(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
            state.squares = square(gradient);
        }
        fn add_rows(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
            state.row += state.squares;
        }
        fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
            *p -= h.lr * (gradient / state.row);
        }";
    const STAGES: &'static [Stage] = &[
        Stage { sums: &["squares"], ..Stage::new("add_squares").reading(true, false) },
        Stage { over: Extent::Rows, reads: &["squares", "row"], writes: &["row"], ..Stage::new("add_rows") },
        Stage { reads: &["row"], writes: &[], ..Stage::UPDATE },
    ];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = NoScalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        Hyper { lr: F::of(self.lr) }
    }
    fn prepare<F: Real>(_: &Hyper<F>, _: F, _: &NoScalars<F>) -> NoScalars<F> {
        NoScalars::default()
    }
    fn stage<F: Real>(stage: usize, _: &Hyper<F>, _: &NoScalars<F>, gradient: F, _: F, state: &mut State<F>) {
        match stage {
            0 => state.squares = square(gradient),
            _ => state.row = state.row + state.squares,
        }
    }
    fn update<F: Real>(h: &Hyper<F>, _: &NoScalars<F>, gradient: F, p: &mut F, state: &mut State<F>) {
        *p = *p - h.lr * (gradient / state.row);
    }
    fn cases() -> Vec<(&'static str, Self)> {
        vec![("default", ByRows::default())]
    }
}

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    vec![contexts[0].trial("rows/the-number-of-a-vector".into(), of_a_vector)]
}

fn of_a_vector(gpu: &Gpu) -> Outcome {
    let rows = [RowChange::NEW, 2, 0, 7];
    let mut twin = CpuOptimizer::<f32>::new(ByRows::default(), [CpuParam::new("v", &[3])])?;
    let (mut before, mut now) = ([0.0; 3], [0.0; 4]);
    twin.step(&mut [&mut before], &[Some(&[3.0; 3])])?;
    twin.change_rows(&rows, [(CpuParam::new("v", &[4]), Some(&before[..]), &mut now[..])])?;
    assert_eq!(twin.state("v", "row")?, [9.0]);

    let tensors = [Tensors::new(&gpu.device, [("v", [3])])?, Tensors::new(&gpu.device, [("v", [4])])?];
    tensors[0].write_gradient(&gpu.queue, "v", &[3.0; 3])?;
    let mut optimizer = Optimizer::new(&gpu.device, &gpu.queue, ByRows::default(), tensors[0].params())?;
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
    let index = gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size: 16, usage, mapped_at_creation: false });
    gpu.queue.write_buffer(&index, 0, bytemuck::cast_slice(&rows));
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    optimizer.step(&mut encoder);
    optimizer.change_rows(&mut encoder, RowChange { rows: index.into(), params: tensors[1].params(), values: true })?;
    gpu.queue.submit([encoder.finish()]);
    assert_eq!(block_on(optimizer.read_state("v", "row"))?, [9.0]);
    assert_eq!(block_on(optimizer.read_value("v"))?, now);
    Ok(())
}
