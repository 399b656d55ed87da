//! `CpuParam`: one named tensor of a CPU optimizer.

use crate::schedule::Schedule;
use crate::step::{Named, NumberStorage};
use crate::storage::{Dtype, Rounding};

/// One named tensor of a CPU optimizer.
///
/// ```
/// use wgpu_optim::Sgd;
/// use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
///
/// let slow = CpuParam { lr_scale: 0.5, ..CpuParam::new("slow", &[1]) };
/// let rows = CpuParam { lr_scales: Some((vec![0.0, 1.0], vec![2, 1])), ..CpuParam::new("rows", &[2, 2]) };
/// let mut optimizer = CpuOptimizer::<f32>::new(Sgd { lr: 1.0, ..Default::default() }, [slow, rows])?;
/// let (mut slow, mut rows) = ([0.0], [0.0; 4]);
/// optimizer.step(&mut [&mut slow, &mut rows], &[Some(&[-1.0]), Some(&[-1.0; 4])])?;
/// assert_eq!((slow, rows), ([0.5], [0.0, 0.0, 1.0, 1.0]));
/// # Ok::<(), wgpu_optim::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct CpuParam {
    /// Unique among the optimizer's.
    pub name: String,
    /// Sizes of the dimensions.
    pub shape: Vec<usize>,
    /// What the values are stored as, see [`crate::Param::value_dtype`]: a step leaves numbers in the slices that these are, to the bit.
    ///
    /// Default: `Dtype::F32`.
    pub value_dtype: Dtype,
    /// What the gradients are stored as, see [`crate::Param::gradient_dtype`]. Their slices are taken as they are.
    ///
    /// Default: `Dtype::F32`.
    pub gradient_dtype: Dtype,
    /// How values in bf16 are rounded.
    ///
    /// Default: `Rounding::Nearest`.
    pub rounding: Rounding,
    /// Whether the optimizer keeps the values in f32 too, see [`crate::Param::master`].
    ///
    /// Default: `false`.
    pub master: bool,
    /// The factor by which the learning rate of the group is multiplied for this parameter.
    ///
    /// Default: `1`, range: `[0, inf)`.
    pub lr_scale: f64,
    /// Multipliers of the update: numbers, and their shape, see [`crate::LrScales`].
    ///
    /// Default: `None`.
    pub lr_scales: Option<(Vec<f32>, Vec<usize>)>,
    /// Numbers of `lr_scales` that follow a schedule, see [`crate::Param::lr_scale_schedules`].
    ///
    /// Default: `[]`.
    pub lr_scale_schedules: Vec<(usize, Schedule)>,
    /// Which rows a step updates.
    ///
    /// Default: `None`, all of them.
    pub row_mask: Option<CpuRowMask>,
    /// The rows that the gradient is of, where it is row-sparse, see [`crate::SparseRows`]: then a gradient has as many rows as these, which
    /// [`CpuOptimizer::set_sparse_rows`](super::CpuOptimizer::set_sparse_rows) changes.
    ///
    /// Default: `None`.
    pub sparse_rows: Option<Vec<u32>>,
    /// Excluded from every step.
    ///
    /// Default: `false`.
    pub frozen: bool,
}

/// Which rows of a tensor a step updates, as [`crate::RowMask`]; [`CpuOptimizer::set_row_mask`](super::CpuOptimizer::set_row_mask) changes the words.
///
/// ```
/// use wgpu_optim::Sgd;
/// use wgpu_optim::cpu::{CpuOptimizer, CpuParam, CpuRowMask};
///
/// let mask = CpuRowMask { words: vec![0, 1], own_steps: false };
/// let rows = CpuParam { row_mask: Some(mask), ..CpuParam::new("rows", &[2, 2]) };
/// let mut optimizer = CpuOptimizer::<f32>::new(Sgd { lr: 1.0, ..Default::default() }, [rows])?;
/// let mut values = [0.0; 4];
/// optimizer.step(&mut [&mut values], &[Some(&[-1.0; 4])])?;
/// assert_eq!(values, [0.0, 0.0, 1.0, 1.0]);
/// # Ok::<(), wgpu_optim::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CpuRowMask {
    /// A word for each row, 0 where a step leaves it as it is.
    pub words: Vec<u32>,
    /// Whether each row counts its own steps.
    pub own_steps: bool,
}

impl CpuParam {
    /// What values and gradients are stored as.
    pub(super) fn storage(&self) -> NumberStorage {
        NumberStorage { value: self.value_dtype, gradient: self.gradient_dtype, rounding: self.rounding, master: self.master }
    }

    /// A parameter that differs in nothing from its group.
    pub fn new(name: impl Into<String>, shape: &[usize]) -> Self {
        let (name, shape) = (name.into(), shape.to_vec());
        CpuParam {
            name,
            shape,
            value_dtype: Dtype::F32,
            gradient_dtype: Dtype::F32,
            rounding: Rounding::Nearest,
            master: false,
            lr_scale: 1.0,
            lr_scales: None,
            lr_scale_schedules: Vec::new(),
            row_mask: None,
            sparse_rows: None,
            frozen: false,
        }
    }
}

impl From<(&str, usize)> for CpuParam {
    fn from((name, len): (&str, usize)) -> Self {
        CpuParam::new(name, &[len])
    }
}

impl Named for CpuParam {
    fn name(&self) -> &str {
        &self.name
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
}
