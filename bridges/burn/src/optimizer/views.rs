//! Values to evaluate the model with: an average, or a rule's own.

use burn::module::Module;

use super::BurnOptimizer;
use super::loan::Writes;
use crate::error::Result;
use crate::own;

impl BurnOptimizer {
    /// A model with the values to evaluate it with: those of a rule of its own kind (schedule-free ones have some), else the average that the options keep,
    /// else the trained ones. It has tensors of its own, and no gradients; the model that is trained stays as it is.
    ///
    /// ```no_run
    /// # fn epoch(optimizer: &mut wgpu_optim_burn::BurnOptimizer, model: &mut burn::nn::Linear, x: burn::tensor::Tensor<2>) -> wgpu_optim_burn::Result<()> {
    /// let averaged = optimizer.evaluated(model)?;
    /// println!("{}", averaged.forward(x));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`BurnOptimizer::evaluate`].
    pub fn evaluated<M: Module>(&mut self, model: &mut M) -> Result<M> {
        self.evaluate(model)?;
        let mut copy = model.clone();
        let copied = own::copy_values(&mut copy, self.known.ids.iter().filter(|(_, index)| index.is_some()).map(|(id, _)| *id).collect());
        self.train(model)?;
        copied.map(|()| copy.valid())
    }

    /// Shows the values to evaluate with in the model itself, until [`BurnOptimizer::train`]. Steps in between change nothing, and the next read-back says so.
    ///
    /// # Errors
    ///
    /// Those of [`BurnOptimizer::step`] that are about the model.
    pub fn evaluate<M: Module>(&mut self, model: &mut M) -> Result<()> {
        self.show(model, "wgpu-optim-burn evaluate", |optimizer, encoder| optimizer.evaluate(encoder))
    }

    /// Shows the trained values again, bit for bit; nothing if they are shown.
    ///
    /// # Errors
    ///
    /// Those of [`BurnOptimizer::evaluate`].
    pub fn train<M: Module>(&mut self, model: &mut M) -> Result<()> {
        self.show(model, "wgpu-optim-burn train", |optimizer, encoder| optimizer.train(encoder))
    }

    fn show<M: Module>(
        &mut self,
        model: &mut M,
        label: &str,
        record: impl FnOnce(&wgpu_optim::Optimizer, &mut wgpu_optim::wgpu::CommandEncoder),
    ) -> Result<()> {
        let mut loan = self.borrow_to_write(model, None, Writes::All)?;
        self.place(&mut loan)?;
        self.submit(label, record);
        Ok(())
    }
}
