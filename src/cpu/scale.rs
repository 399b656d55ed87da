//! A state of some rows is forgotten, or scaled, on the CPU.

use super::CpuOptimizer;
use crate::error::{BufferRole, Error, Result, unknown};
use crate::rule::Real;
use crate::step::{LaneRole, check_scaled};

impl<F: Real> CpuOptimizer<F> {
    /// Multiplies a state of some rows by a factor, as [`Optimizer::scale_state`](crate::Optimizer::scale_state) does: those whose word is not 0. The factor 0
    /// stores 0, whatever was there.
    ///
    /// ```
    /// use wgpu_optim::Adam;
    /// use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
    ///
    /// let mut optimizer = CpuOptimizer::<f32>::new(Adam::default(), [CpuParam::new("opacities", &[2])])?;
    /// optimizer.step(&mut [&mut [0.5, 0.5]], &[Some(&[1.0, 1.0])])?;
    /// optimizer.scale_state("opacities", "m", &[1, 0], 0.0)?;
    /// assert!(matches!(optimizer.state("opacities", "m")?, [m, other] if *m == 0.0 && *other > 0.0));
    /// # Ok::<(), wgpu_optim::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::UnknownName`], [`Error::Conflict`], [`Error::Length`], as on the GPU; a factor that is infinite as this float too.
    pub fn scale_state(&mut self, tensor: &str, state: &str, rows: &[u32], factor: f64) -> Result<()> {
        let own = &self.tensors[self.position(tensor)?];
        let rule = &*self.config.groups[own.group].rule;
        let lanes = self.config.step_kind().lanes(rule, own.keeps());
        let mut kept = lanes.iter().filter(|lane| !matches!(lane.role, LaneRole::Sum | LaneRole::Scale));
        let lane = kept.clone().find(|lane| lane.name == state);
        let lane = lane.ok_or_else(|| unknown("state", state, kept.by_ref().map(|lane| lane.name)))?;
        check_scaled(tensor, rule, &own.shape, lane, F::of(factor).to_value())?;
        let (needed, got) = (own.shape.first().copied().unwrap_or(1), rows.len());
        if needed != got {
            return Err(Error::Length { param: tensor.into(), role: BufferRole::Rows, needed: needed as u64, got: got as u64 });
        }
        let data = self.state_mut(tensor, state)?;
        let width = (data.len() / got.max(1)).max(1);
        for (row, _) in data.chunks_mut(width).zip(rows).filter(|(_, word)| **word != 0) {
            row.iter_mut().for_each(|x| *x = if factor == 0.0 { F::zero() } else { *x * F::of(factor) });
        }
        Ok(())
    }
}
