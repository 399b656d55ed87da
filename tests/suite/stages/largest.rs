//! A rule with the largest magnitudes over everything that there is: rows, columns, slices, axes, the tensor, the group and all.

use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::rule::{Extent, NoScalars, Range, Real, Rule, Stage};
use wgpu_optim::testing::{STYLES, Scene, Style};
use wgpu_optim::{Group, Options, hyper_parameters, layout, state};

use crate::context::Outcome;

hyper_parameters! {
    /// Steps by the largest gradients, and by their sums, over everything.
    pub struct Peaks {
        /// Step size.
        pub lr: f64 = 1e-2, Range::NON_NEGATIVE, scheduled;
    }
}
layout! {
    /// Per group.
    pub struct Hyper<F> { lr: F }
}
state! {
    /// What rows, columns and axes had in the last step, and what there is of each extent.
    pub struct State<F> { row: Rows = "row", column: Columns = "column", axes: Axes = "axes" }
    sums {
        rows: Largest over Rows, row_sums: Sum over Rows, column_sums: Mean over Columns, columns: Largest over Columns,
        cover: Largest over Axes, slices: Largest over Slices, tensor: Largest over Tensor, mean: Mean over Tensor, group: Largest over Group,
        all: Largest over All,
    }
}

impl Rule for Peaks {
    const NAME: &'static str = "Peaks";
    const FORMULA: &'static str = "p -= lr * (the largest of everything)";
    const WGSL: &'static str = "
        fn peaks(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
            state.rows = gradient;
            state.row_sums = gradient;
            state.column_sums = gradient;
            state.columns = gradient;
            state.cover = gradient + state.axes;
            state.tensor = gradient;
            state.mean = gradient;
            state.group = gradient;
            state.all = gradient;
        }
        fn peaks_of_rows(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
            state.row = state.rows + state.row_sums;
            state.slices = state.row;
        }
        fn peaks_of_columns(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
            state.column = state.columns - state.column_sums;
        }
        fn peaks_of_axes(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
            state.axes = state.cover;
        }
        fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
            let lines = state.row + 2.0 * state.column + 3.0 * state.slices + 4.0 * state.axes;
            *p -= h.lr * (lines + 5.0 * (state.tensor + state.mean) + 6.0 * state.group + 7.0 * state.all);
        }";
    const STAGES: &'static [Stage] = &[
        Stage {
            reads: &["axes"],
            sums: &["rows", "row_sums", "column_sums", "columns", "cover", "tensor", "mean", "group", "all"],
            ..Stage::new("peaks").reading(true, false)
        },
        Stage { over: Extent::Rows, reads: &["rows", "row_sums"], writes: &["row"], sums: &["slices"], ..Stage::new("peaks_of_rows") },
        Stage { over: Extent::Columns, reads: &["columns", "column_sums"], writes: &["column"], ..Stage::new("peaks_of_columns") },
        Stage { over: Extent::Axes, reads: &["cover"], writes: &["axes"], ..Stage::new("peaks_of_axes") },
        Stage {
            reads: &["row", "column", "slices", "axes", "tensor", "mean", "group", "all"],
            writes: &[],
            ..Stage::new("update").reading(false, true)
        },
    ];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = NoScalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        Hyper { lr: F::of(self.lr) }
    }
    fn prepare<F: Real>(_h: &Hyper<F>, _step: F, last: &NoScalars<F>) -> NoScalars<F> {
        *last
    }
    fn stage<F: Real>(stage: usize, _h: &Hyper<F>, _s: &NoScalars<F>, gradient: F, _p: F, state: &mut State<F>) {
        match stage {
            0 => {
                (state.rows, state.row_sums, state.column_sums, state.columns) = (gradient, gradient, gradient, gradient);
                state.cover = gradient + state.axes;
                (state.tensor, state.mean, state.group, state.all) = (gradient, gradient, gradient, gradient);
            }
            1 => {
                state.row = state.rows + state.row_sums;
                state.slices = state.row;
            }
            2 => state.column = state.columns - state.column_sums,
            _ => state.axes = state.cover,
        }
    }
    fn update<F: Real>(h: &Hyper<F>, _s: &NoScalars<F>, _gradient: F, p: &mut F, state: &mut State<F>) {
        let of = F::of;
        let lines = state.row + of(2.0) * state.column + of(3.0) * state.slices + of(4.0) * state.axes;
        let whole = of(5.0) * (state.tensor + state.mean) + of(6.0) * state.group + of(7.0) * state.all;
        *p = *p - h.lr * (lines + whole);
    }
    fn cases() -> Vec<(&'static str, Self)> {
        vec![("default", Peaks::default())]
    }
}

const SHAPES: [&[usize]; 9] =
    [&[], &[7], &[1, 9], &[9, 1], &[5, 12], &[3, 70, 5], &[2, 3, 2, 37], &[2, 1, 2, 3, 2, 1, 2, 2, 3, 4], &[300, 20]];

/// Kernels and twin agree, in groups of which some parameters are not active, and where tensors have several tiles and slices.
pub(super) fn largest_of_all_extents(gpu: &Gpu) -> Outcome {
    let tensors = |first: usize| {
        let name = move |(index, shape): (usize, &&[usize])| CpuParam::new(format!("{first}.{index}"), shape);
        SHAPES.iter().enumerate().map(name).collect::<Vec<_>>()
    };
    let groups = vec![Group::new(Peaks::default(), tensors(0)), Group::new(Peaks { lr: 1e-3 }, tensors(1))];
    // Where buffers are small, none has values and gradients far apart.
    let far = gpu.device.limits().max_buffer_size >= 1 << 20;
    for style in STYLES.into_iter().filter(|style| far || *style != Style::Far) {
        let mut scene = Scene::with_options(gpu, groups.clone(), Options::default(), style, 3)?;
        for step in 0..3 {
            let all = || (0..2).flat_map(|first| (0..SHAPES.len()).map(move |index| format!("{first}.{index}")));
            let idle = format!("1.{}", 2 * step);
            scene.optimizer.set_active(all().collect::<Vec<_>>().iter().map(String::as_str), true)?;
            scene.optimizer.set_active([&*idle], false)?;
            scene.step(|index| index != SHAPES.len() + 2 * step)?;
            scene.check()?;
        }
    }
    Ok(())
}

/// One NaN is the largest of its rows, columns and axes, and of all.
pub(super) fn a_nan_stays() -> Outcome {
    let mut optimizer = CpuOptimizer::<f32>::new(Peaks::default(), [CpuParam::new("w", &[2, 3])])?;
    let (mut values, gradients) = ([0.0; 6], [1.0, 2.0, 3.0, f32::NAN, 5.0, 6.0]);
    optimizer.step(&mut [&mut values], &[Some(&gradients)])?;
    let is_nan = |state: &str| -> wgpu_optim::Result<Vec<bool>> { Ok(optimizer.state("w", state)?.iter().map(|x| x.is_nan()).collect()) };
    assert_eq!([is_nan("row")?, is_nan("column")?], [vec![false, true], vec![true, false, false]]);
    assert_eq!(is_nan("axes")?, [false, true, true, false, false]);
    assert!(values.iter().all(|p| p.is_nan()), "{values:?}");
    Ok(())
}
