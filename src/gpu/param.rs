//! `Param`: one named tensor to be optimized, and multipliers of its learning rate.

use super::{Binding, RowMask, SparseRows};
use crate::error::{BufferRole, Error, Result};
use crate::program::Place;
use crate::schedule::Schedule;
use crate::step::{Broadcast, Named};
use crate::storage::{Dtype, Rounding};

/// One named tensor to be optimized: its shape, where its values are and where its gradient is. Row-major, and f32 unless its dtypes say otherwise.
///
/// ```
/// use wgpu_optim::{Binding, Param, wgpu};
///
/// /// A layer of 4 x 3 weights and 4 biases in one buffer, and their gradients in another; biases learn twice as fast.
/// fn layer(values: &wgpu::Buffer, gradients: &wgpu::Buffer) -> [Param; 2] {
///     let [weight, bias] = [(0, 48), (48, 16)];
///     let at = |buffer, (offset, size)| Binding::new(buffer, offset, size);
///     let bias = Param::new("bias", &[4], at(values, bias), at(gradients, bias));
///     [Param::new("weight", &[4, 3], at(values, weight), at(gradients, weight)), Param { lr_scale: 2.0, ..bias }]
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    /// The name, unique among the optimizer's parameters; state, checkpoints and errors go by it.
    pub name: String,
    /// Sizes of the dimensions; none for a single number. With a 0 among them the tensor is empty, which is legal: steps count it and do nothing else.
    pub shape: Vec<usize>,
    /// The values, which a step changes.
    pub value: Binding,
    /// The gradient, which a step reads.
    pub gradient: Binding,
    /// What the values are stored as: [`Dtype::F32`], [`Dtype::Bf16`] or [`Dtype::F16`]. Numbers of 16 bits lie two in each u32 word, the first in the lower half, from any multiple of 4 bytes on,
    /// and take whole words: beside an odd last one is a half that nothing changes. A step computes in f32, averages see its f32 results, and it rounds what it stores last.
    ///
    /// Default: `Dtype::F32`.
    pub value_dtype: Dtype,
    /// What the gradient is stored as, likewise; whatever the values are.
    ///
    /// Default: `Dtype::F32`.
    pub gradient_dtype: Dtype,
    /// How values in bf16 are rounded; those in f16 are rounded to the nearest. Steps that are small beside their values need [`Rounding::Stochastic`], or [`Param::master`].
    ///
    /// Default: `Rounding::Nearest`.
    pub rounding: Rounding,
    /// Whether the optimizer keeps the values in f32 too, as the state `"master"`, from which steps go on, and rounds them to the values of 16 bits in the same pass. They begin as the values are at the
    /// first step, and [`Optimizer::write_value`](crate::Optimizer::write_value) writes both; later, a step overwrites what your own passes write into the values.
    ///
    /// Default: `false`.
    pub master: bool,
    /// The factor by which the learning rate of the group is multiplied for this parameter, whether it is constant or has a schedule. All that the rule
    /// multiplies by the learning rate is scaled with it, AdamW's decay (`lr * weight_decay`) too.
    ///
    /// Default: `1`, range: `[0, inf)`.
    pub lr_scale: f64,
    /// Per-element, per-row or per-column multipliers of the update, besides `lr_scale`.
    ///
    /// Default: `None`.
    pub lr_scales: Option<LrScales>,
    /// Numbers of `lr_scales` that follow a schedule: the number's place there, row by row, and its values. Each step then writes them into the
    /// caller's buffer, in a dispatch of its own, before the update; in step t it is `schedule(t - 1)`, as for hyper-parameters. So no gradient may be
    /// in its place, nor a number that another parameter has a schedule for; two parameters may share scales that one of them schedules.
    ///
    /// Default: `[]`.
    pub lr_scale_schedules: Vec<(usize, Schedule)>,
    /// Which rows a step updates.
    ///
    /// Default: `None`, all of them.
    pub row_mask: Option<RowMask>,
    /// Which rows the gradient is of, where it is row-sparse, as embeddings have it: then [`Param::gradient`] is of shape `[k, ..]`, one gradient row for each entry of
    /// that list, in the place of one for each row.
    ///
    /// Default: `None`, of all rows.
    pub sparse: Option<SparseRows>,
    /// A copy of the values in bf16, which each step writes together with them: the values are then the f32 master weights of a model that computes in bf16.
    ///
    /// Default: `None`.
    pub bf16_copy: Option<Bf16Copy>,
    /// Rows that the state has room for, at least. With it, [`Optimizer::resize_rows`](crate::Optimizer::resize_rows) moves and allocates nothing up to so many rows, and
    /// [`Optimizer::change_rows`](crate::Optimizer::change_rows) allocates no memory for state from its third call on: that from before the last change is kept and used again, so that
    /// it takes twice as much. A change that names the parameter again keeps what was reserved before. Rules with numbers of rows or columns, such as Adafactor, have no use for it.
    ///
    /// Default: `0`, range: `[0, 2^32)`; there is always room for the rows that there are.
    pub reserved_rows: usize,
    /// Excluded from every step: neither state nor gradient is read, and the step count does not advance.
    /// [`Optimizer::set_active`](crate::Optimizer::set_active) changes it later (see there about gradients that add up meanwhile).
    ///
    /// Default: `false`.
    pub frozen: bool,
}

/// A copy of the values in bf16, which each step that updates the parameter writes in the same pass, at 2 bytes an element more. So do
/// [`Optimizer::evaluate`](crate::Optimizer::evaluate), [`Optimizer::swap`](crate::Optimizer::swap) and [`Optimizer::train`](crate::Optimizer::train), where these change what the values are:
/// they round all elements anew, by the step count that there is.
///
/// What else writes values does not write the copy: before the first step, and after [`Optimizer::write_value`](crate::Optimizer::write_value), a restored checkpoint or a pass of your own,
/// [`Optimizer::write_copies`](crate::Optimizer::write_copies) does. Rows that a row mask does not show keep their copy, and so do those that a row-sparse gradient has nothing for.
///
/// ```
/// use wgpu_optim::{Bf16Copy, Binding, Param, Rounding, wgpu};
///
/// /// 1,000 weights: f32 values that are trained, and what the forward pass reads, two numbers in each u32 word, the first in the lower half.
/// fn weights(values: &wgpu::Buffer, gradients: &wgpu::Buffer, halves: &wgpu::Buffer) -> Param {
///     let copy = Bf16Copy { binding: halves.into(), rounding: Rounding::Nearest }; // of 2,000 bytes
///     Param { bf16_copy: Some(copy), ..Param::new("weights", &[1000], values, gradients) }
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Bf16Copy {
    /// The numbers in the order of the values, of two bytes each, in whole words of four: an odd last one has a half beside it that nothing writes. In a buffer that it may share with values and
    /// other copies. It is written by steps, so nothing else of a parameter may overlap it.
    pub binding: Binding,
    /// How the values are rounded.
    pub rounding: Rounding,
}

impl Bf16Copy {
    /// A copy in this buffer, rounded to the nearest.
    pub fn new(binding: impl Into<Binding>) -> Self {
        Bf16Copy { binding: binding.into(), rounding: Rounding::Nearest }
    }

    /// Bytes of a copy of so many elements.
    pub(crate) fn bytes(elements: u64) -> u64 {
        Dtype::Bf16.format(false).bytes(elements)
    }

    /// Where kernels write a copy of so many elements.
    pub(crate) fn place(&self, buffer: usize, elements: u64) -> Place {
        Place { halves: true, ..self.binding.place(buffer, Self::bytes(elements), true) }
    }
}

/// Per-element, per-row or per-column multipliers of the update, as Gaussian splatting has them: where the rule would change a value by `d`, it changes
/// by `scale * d`. State and gradient norms are as without them.
///
/// Kernels scale the difference of two f32 values, so a step that is below half an ulp of its value stays lost, whatever its scale: choose the
/// group's learning rate for the largest steps, and scales of at most 1. An infinite value that a step leaves infinite stays so.
///
/// ```
/// use wgpu_optim::{Binding, LrScales, Param};
///
/// /// 1,000 Gaussians of 14 numbers each, and a scale for each of the 14, in a buffer of their own.
/// fn scaled(gaussians: Param, scales: impl Into<Binding>) -> Param {
///     Param { lr_scales: Some(LrScales { binding: scales.into(), shape: vec![1, 14] }), ..gaussians }
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct LrScales {
    /// f32, in a buffer without values; without gradients too if these are to be set to zero. It may be written between steps.
    pub binding: Binding,
    /// As many dimensions as the parameter has, each of the same size or 1, and those that are not 1 next to each other: `[n, 1]` for rows, `[1, m]` for
    /// columns, `[n, m]` for elements.
    pub shape: Vec<usize>,
}

impl Param {
    /// A parameter in the caller's own buffers. Nothing is checked until an optimizer is made of it.
    pub fn new(name: impl Into<String>, shape: &[usize], value: impl Into<Binding>, gradient: impl Into<Binding>) -> Self {
        let (value, gradient) = (value.into(), gradient.into());
        Param {
            name: name.into(),
            shape: shape.to_vec(),
            value,
            gradient,
            value_dtype: Dtype::F32,
            gradient_dtype: Dtype::F32,
            rounding: Rounding::Nearest,
            master: false,
            lr_scale: 1.0,
            lr_scales: None,
            lr_scale_schedules: Vec::new(),
            row_mask: None,
            sparse: None,
            bf16_copy: None,
            reserved_rows: 0,
            frozen: false,
        }
    }

    /// The number of elements, if they can be counted in bytes.
    pub(crate) fn elements(&self) -> Result<u64> {
        elements(&self.name, &self.shape)
    }

    /// The number of elements that its state has room for, at least as many as it has.
    pub(crate) fn room(&self) -> Result<u64> {
        let mut shape = self.shape.clone();
        shape.iter_mut().take(1).for_each(|rows| *rows = self.reserved_rows.max(*rows));
        elements(&self.name, &shape)
    }

    /// Every binding that it has, and what as.
    pub(crate) fn bindings(&self) -> impl Iterator<Item = (BufferRole, &Binding)> {
        let scales = self.lr_scales.as_ref().map(|scales| (BufferRole::LrScales, &scales.binding));
        let mask = self.row_mask.as_ref().map(|mask| (BufferRole::RowMask, &mask.binding));
        let sparse = self.sparse.iter().flat_map(|sparse| [(BufferRole::Rows, &sparse.rows), (BufferRole::RowCount, &sparse.count)]);
        let copy = self.bf16_copy.as_ref().map(|copy| (BufferRole::Bf16Copy, &copy.binding));
        let own = [(BufferRole::Value, &self.value), (BufferRole::Gradient, &self.gradient)];
        own.into_iter().chain(scales).chain(mask).chain(sparse).chain(copy)
    }

    /// The shape of the gradient.
    pub(crate) fn gradient_shape(&self) -> Vec<usize> {
        let mut shape = self.shape.clone();
        if let (Some(sparse), Some(rows)) = (&self.sparse, shape.first_mut()) {
            *rows = sparse.rows.elements() as usize;
        }
        shape
    }

    /// The number of gradients; 0 where it cannot be counted, which [`Param::check`] refuses.
    pub(crate) fn gradients(&self) -> u64 {
        elements(&self.name, &self.gradient_shape()).unwrap_or_default()
    }

    /// How many numbers `lr_scales` has.
    pub(crate) fn scales(&self) -> Result<Option<u64>> {
        let scales = self.lr_scales.as_ref().map(|scales| Broadcast::new(&self.name, &self.shape, &scales.shape));
        Ok(scales.transpose()?.map(|broadcast| u64::from(broadcast.period)))
    }

    /// The number of elements, after all that can be wrong with the bindings was checked.
    pub(crate) fn check(&self) -> Result<u64> {
        let elements = self.elements()?;
        self.room()?;
        self.storage().check(&self.name)?;
        self::elements(&self.name, &self.gradient_shape())?;
        self.check_place(BufferRole::Value, &self.value, elements)?;
        self.check_place(BufferRole::Gradient, &self.gradient, elements)?;
        if let Some(LrScales { binding, shape }) = &self.lr_scales {
            let Broadcast { period, .. } = Broadcast::new(&self.name, &self.shape, shape)?;
            binding.check(&self.name, BufferRole::LrScales, shape, "f32", 4 * u64::from(period))?;
        }
        if let Some(RowMask { binding, .. }) = &self.row_mask {
            let rows = self.shape.first().copied().unwrap_or(1);
            binding.check(&self.name, BufferRole::RowMask, &[rows], "u32", 4 * rows as u64)?;
        }
        if let Some(Bf16Copy { binding, .. }) = &self.bf16_copy {
            binding.check(&self.name, BufferRole::Bf16Copy, &self.shape, "bf16", Bf16Copy::bytes(elements))?;
            if self.value_dtype != Dtype::F32 {
                let what = format!("{}: a bf16_copy is of values in F32, and these are {:?}; use master", self.name, self.value_dtype);
                return Err(Error::Conflict { what });
            }
        }
        crate::step::check_scale_schedules(&self.name, self.scales()?, &self.lr_scale_schedules)?;
        Ok(elements)
    }
}

impl Named for Param {
    fn name(&self) -> &str {
        &self.name
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
}

pub(crate) fn elements(param: &str, shape: &[usize]) -> Result<u64> {
    // Whatever the other sizes.
    if shape.contains(&0) {
        return Ok(0);
    }
    let product = shape.iter().try_fold(1_u64, |product, &size| product.checked_mul(size as u64));
    let product = product.filter(|&elements| elements <= u64::MAX / 8);
    product.ok_or_else(|| Error::HugeTensor { param: param.into(), shape: shape.to_vec() })
}
