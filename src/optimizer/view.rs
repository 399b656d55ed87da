//! Records which values the parameters show: the trained ones, those to evaluate with, or an average.

use super::Optimizer;
use crate::error::Result;
use crate::step::view;

impl Optimizer {
    /// Records that the values to evaluate the model with are shown: a rule's own (schedule-free ones have some), else the average that the options keep,
    /// `ema` before `swa`. Where there is neither, nothing is recorded: the trained values are those to evaluate with.
    ///
    /// Until [`Optimizer::train`], steps and micro-batches change nothing, and the next read-back says so ([`Error::InView`](crate::Error::InView));
    /// [`View`](crate::View) has all of this as a table. Submit `train` before you drop the optimizer or use the buffers of the values elsewhere:
    /// they hold what is shown, and the trained values are in the optimizer's own buffers meanwhile. For a look at an average in a render pass there
    /// is an easier way, which changes nothing: bind `state(name, "ema")`.
    pub fn evaluate(&self, encoder: &mut wgpu::CommandEncoder) {
        let has_average = view::evaluated_average(&self.config.options.averages()).is_some();
        if has_average || self.config.groups.iter().any(|group| group.rule.has_views()) {
            self.show(encoder, view::EVALUATED);
        }
    }

    /// Records that the trained values are shown again, bit for bit, whatever was shown; nothing if they are.
    pub fn train(&self, encoder: &mut wgpu::CommandEncoder) {
        if self.config.step_kind().views {
            self.show(encoder, view::TRAINED);
        }
    }

    /// Records that an average is shown, `"ema"`, `"swa"` or Lookahead's `"slow"`, or, if it is, the trained values again. Parameters without an average
    /// yet keep showing their trained values. See [`Optimizer::evaluate`].
    ///
    /// # Errors
    ///
    /// - [`Error::NotEnabled`](crate::Error::NotEnabled): the options keep no average.
    /// - [`Error::UnknownName`](crate::Error::UnknownName): they keep others.
    pub fn swap(&self, encoder: &mut wgpu::CommandEncoder, average: &str) -> Result<()> {
        self.show(encoder, view::swapped(&self.config.options, average)?);
        Ok(())
    }

    /// Records that the copies in bf16 ([`Param::bf16_copy`](crate::Param::bf16_copy)) are written as the values are then: before the first step, and after values were written by something
    /// else than a step. All elements are rounded, by the step counts that there are. Nothing is recorded where no parameter has a copy.
    ///
    /// ```
    /// # fn begin(optimizer: &wgpu_optim::Optimizer, device: &wgpu_optim::wgpu::Device, queue: &wgpu_optim::wgpu::Queue) {
    /// let mut encoder = device.create_command_encoder(&Default::default());
    /// optimizer.write_copies(&mut encoder);
    /// queue.submit([encoder.finish()]);
    /// # }
    /// ```
    pub fn write_copies(&self, encoder: &mut wgpu::CommandEncoder) {
        if self.parameters.iter().any(|parameter| parameter.kind.copied) {
            let descriptor = wgpu::ComputePassDescriptor { label: Some("wgpu-optim copies"), timestamp_writes: None };
            self.write_copies_in(&mut encoder.begin_compute_pass(&descriptor));
        }
    }

    /// [`Optimizer::write_copies`] in a compute pass of the caller's, whose pipeline and bind groups are others afterwards.
    pub fn write_copies_in(&self, pass: &mut wgpu::ComputePass<'_>) {
        self.executor.copies(pass);
    }

    fn show(&self, encoder: &mut wgpu::CommandEncoder, wanted: u32) {
        let descriptor = wgpu::ComputePassDescriptor { label: Some("wgpu-optim view"), timestamp_writes: None };
        self.executor.show(wanted, &mut encoder.begin_compute_pass(&descriptor));
    }
}
