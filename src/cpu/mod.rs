//! The CPU executor: the same steps, the rules' twins, all cores. In f64 it is the truth that GPU results are measured against, in f32 it
//! is the backend that benchmarks compare the GPU with.

mod access;
mod build;
mod checkpoint;
mod decide;
mod executor;
mod job;
mod keep;
mod measure;
mod members;
mod param;
mod row_mask;
mod rows;
mod scale;
mod stages;
mod stored;
mod sums;
mod tensor;
mod view;

use decide::Common;
use executor::assigned;
use tensor::Tensor;

pub use access::CpuReport;
pub use param::{CpuParam, CpuRowMask};
pub use rows::CpuRows;

use crate::error::{BufferRole, Error, Result};
use crate::program;
use crate::rule::Real;
use crate::step::{Config, view as views};

/// A CPU optimizer over tensors that the caller owns, as slices.
///
/// It does what [`crate::Optimizer`] does with the same groups and options, but never writes gradients: [`crate::Options::zero_grad`] is the caller's.
///
/// ```
/// use wgpu_optim::{Sgd, cpu::CpuOptimizer};
///
/// let mut optimizer = CpuOptimizer::<f32>::new(Sgd { lr: 0.5, ..Default::default() }, [("weight", 2), ("bias", 1)])?;
/// let (mut weight, mut bias) = ([1.0, 2.0], [3.0]);
/// optimizer.step(&mut [&mut weight, &mut bias], &[Some(&[2.0, -2.0]), None])?; // the bias has no gradient in this step
/// assert_eq!((weight, bias), ([0.0, 3.0], [3.0]));
/// assert_eq!(optimizer.steps(), [1, 0]);
/// # Ok::<(), wgpu_optim::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct CpuOptimizer<F: Real> {
    config: Config,
    /// The hyper-parameters of the last step, where others were set since: views go by them.
    viewed: Option<Config>,
    tensors: Vec<Tensor<F>>,
    common: Common<F>,
    /// The passes of a step.
    program: Vec<program::Pass>,
    /// The norms of the last step's changes and of the values before it, where they are measured.
    update: Option<(f64, f64)>,
}

impl<F: Real> CpuOptimizer<F> {
    /// Adds gradients to those of the next step; [`crate::Options::micro_batches`] says how. A tensor whose gradient is `None` has none in this
    /// micro-batch.
    ///
    /// # Errors
    ///
    /// - [`Error::NotEnabled`]: the optimizer was made without [`crate::Options::micro_batches`].
    /// - [`Error::Slices`], [`Error::Length`]: there are more or fewer slices than tensors, or one has another length.
    /// - [`Error::InView`]: other values than the trained ones are shown.
    pub fn accumulate(&mut self, gradients: &[Option<&[F]>]) -> Result<()> {
        if !self.config.options.accumulates() {
            return Err(Error::NotEnabled { what: "accumulate", needs: "Options::micro_batches" });
        }
        self.check_gradients(gradients)?;
        self.check_trained(views::ACCUMULATE)?;
        for (tensor, gradient) in self.tensors.iter_mut().zip(gradients).filter(|(tensor, _)| !tensor.frozen) {
            gradient.iter().for_each(|gradient| tensor.accumulate(gradient));
        }
        self.common.micro_batches += 1;
        Ok(())
    }

    /// One step. `values` and `gradients` hold one slice per tensor, in the order of construction; a tensor whose gradient is `None` is
    /// not updated and its step count stays.
    ///
    /// # Errors
    ///
    /// - [`Error::Slices`], [`Error::Length`]: there are more or fewer slices than tensors, or one has another length.
    /// - [`Error::InView`]: other values than the trained ones are shown.
    pub fn step(&mut self, values: &mut [&mut [F]], gradients: &[Option<&[F]>]) -> Result<()> {
        self.check_values(values)?;
        self.check_gradients(gradients)?;
        self.check_trained(views::STEP)?;
        let sum = |(tensor, gradient): (&mut Tensor<F>, &Option<&[F]>)| tensor.total(gradient.unwrap_or_default());
        let sums: Vec<Option<Vec<F>>> = self.tensors.iter_mut().zip(gradients).map(sum).collect();
        let gradients = self.tensors.iter().zip(gradients).map(|(tensor, gradient)| gradient.filter(|_| !tensor.frozen));
        let gradients: Vec<Option<&[F]>> = gradients.zip(&sums).map(|(own, sum)| own.map(|own| sum.as_deref().unwrap_or(own))).collect();
        self.run(values, &gradients);
        Ok(())
    }

    /// Which rows of a tensor the next steps and micro-batches see: a word for each row, 0 where they leave it as it is. On the GPU that is what the buffer of
    /// [`RowMask`](crate::RowMask) holds.
    ///
    /// # Errors
    ///
    /// - [`Error::UnknownName`]: there is no such tensor. [`Error::NotEnabled`]: it was made without [`CpuParam::row_mask`].
    /// - [`Error::Length`]: more or fewer words than rows.
    pub fn set_row_mask(&mut self, tensor: &str, mask: &[u32]) -> Result<()> {
        let index = self.position(tensor)?;
        let Tensor { name, mask: own, .. } = &mut self.tensors[index];
        let known =
            own.as_mut().filter(|own| !own.is_sparse()).ok_or(Error::NotEnabled { what: "set_row_mask", needs: "CpuParam::row_mask" })?;
        known.set(name, mask.to_vec())
    }

    /// Which rows the next gradients of a tensor are of, where they are row-sparse. On the GPU that is what the buffers of [`SparseRows`](crate::SparseRows) hold.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownName`]: there is no such tensor. [`Error::NotEnabled`]: it was made without [`CpuParam::sparse_rows`].
    pub fn set_sparse_rows(&mut self, tensor: &str, rows: &[u32]) -> Result<()> {
        let index = self.position(tensor)?;
        match self.tensors[index].mask.as_mut().is_some_and(|mask| mask.list(rows)) {
            true => Ok(()),
            false => Err(Error::NotEnabled { what: "set_sparse_rows", needs: "CpuParam::sparse_rows" }),
        }
    }

    fn check_values(&self, values: &[&mut [F]]) -> Result<()> {
        self.check_slices(BufferRole::Value, values.len())?;
        self.tensors.iter().zip(values).try_for_each(|(tensor, value)| tensor.check(BufferRole::Value, value.len()))
    }

    fn check_gradients(&self, gradients: &[Option<&[F]>]) -> Result<()> {
        self.check_slices(BufferRole::Gradient, gradients.len())?;
        let given = self.tensors.iter().zip(gradients).filter_map(|(tensor, gradient)| Some((tensor, (*gradient)?)));
        given.into_iter().try_for_each(|(tensor, gradient)| tensor.check(BufferRole::Gradient, gradient.len()))
    }

    /// Fails unless there is one slice per tensor: that of an empty tensor may not be missing either.
    fn check_slices(&self, role: BufferRole, got: usize) -> Result<()> {
        let needed = self.tensors.len();
        if got == needed { Ok(()) } else { Err(Error::Slices { role, needed, got }) }
    }
}
