//! A state of some rows is forgotten, or scaled, on the GPU.

use super::Optimizer;
use super::stretches::{Stretch, bound, check_counted, most, record, stretches};
use crate::error::{BufferRole, Error, Result};
use crate::gpu::{Binding, Dispatch, check_binds, fold, upload};
use crate::program::{MOVED, ScaleTask};
use crate::step::check_scaled;
use crate::wgsl::{self, Resource};

impl Optimizer {
    /// Records that a state of some rows is multiplied by a factor, on the GPU, without reading back; 0 forgets it: what these rows have is 0 then, also where it
    /// was infinite or NaN. Gaussian splatting does this to the moments of opacities that it resets. A row is what the first dimension counts, and `rows` has a
    /// u32 for each, 0 where the state stays as it is, to the bit; it is read when the encoder's commands run. What it is called is as for [`Optimizer::state`].
    ///
    /// Values, step counts and other states stay. After a factor of 0, means begin again, while Adam's bias correction goes on with the parameter's steps; where
    /// rows count their own ([`RowMask::own_steps`](crate::RowMask::own_steps)), forget `"row_steps"` too, by the factor 0. States are not changed by views, so
    /// it does not matter what is shown. The first call compiles a kernel.
    ///
    /// ```
    /// use wgpu_optim::{Binding, Optimizer, wgpu};
    ///
    /// /// Your pass before has lowered the opacities of some points, and has left a 1 in `lowered` for each of these.
    /// fn reset(optimizer: &Optimizer, encoder: &mut wgpu::CommandEncoder, lowered: &wgpu::Buffer) -> wgpu_optim::Result<()> {
    ///     for state in ["m", "v"] {
    ///         optimizer.scale_state(encoder, "opacities", state, Binding::prefix(lowered), 0.0)?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// - [`Error::UnknownName`]: there is no such parameter, or it has no such state.
    /// - [`Error::Conflict`]: an average, or a state that holds values, such as the `"z"` of the schedule-free rules; numbers that are of several rows, such as
    ///   Adafactor's `"col_var"` of a matrix; a factor that is not finite, or one of `"row_steps"` that is not 0.
    /// - [`Error::SizeMismatch`], [`Error::OutOfBuffer`], [`Error::Misaligned`], [`Error::MissingUsage`], [`Error::Buffer`]: `rows` is not a u32 for each row, in a
    ///   buffer with the usage `STORAGE`. [`Error::OwnState`]: it is this optimizer's state.
    /// - [`Error::Limit`]: more elements than 32 bits count.
    /// - The device: [`Error::OutOfMemory`], [`Error::DeviceLost`], [`Error::Wgpu`].
    pub fn scale_state(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        param: &str,
        state: &str,
        rows: impl Into<Binding>,
        factor: f32,
    ) -> Result<()> {
        let (parameter, rows) = (&self.parameters[self.find(param)?], rows.into());
        let (lane, index) = self.lane(parameter, state)?;
        let shape = &parameter.param.shape;
        check_scaled(param, self.rule_of(parameter), shape, &lane, f64::from(factor))?;
        let count = shape.first().copied().unwrap_or(1);
        rows.check(param, BufferRole::Rows, &[count], "u32", 4 * count as u64)?;
        if self.engine.own(rows.buffer()) {
            return Err(Error::OwnState { param: param.to_owned() });
        }
        check_counted(|| format!("{param}: scale_state of {state}"), parameter.elements.max(count as u64))?;
        let parts: Vec<(Binding, u64)> =
            self.parts(parameter, &lane, index).into_iter().map(|part| (part.clone(), part.elements())).collect();
        let width = parameter.width(lane.extent).unwrap_or_default().max(1);
        let dispatch = |part: Stretch<'_>| self.scaling(part, &rows, width, factor);
        let parts = stretches(&parts, most(&self.engine.limits));
        let dispatches = parts.into_iter().map(dispatch).collect::<Result<Vec<_>>>();
        let binds = |error: &Error| if let Error::Wgpu(_) = error { check_binds(&self.engine.device, rows.buffer()) } else { Ok(()) };
        let dispatches = dispatches.map_err(|error| {
            let refused = (param, BufferRole::Rows, binds(&error));
            error.of_first_refused(core::iter::once(refused))
        })?;
        if !dispatches.is_empty() {
            record(encoder, "wgpu-optim scale state", &dispatches);
        }
        Ok(())
    }

    /// What scales one stretch of a state, in rows of this width.
    fn scaling(&self, part: Stretch<'_>, rows: &Binding, width: u64, factor: f32) -> Result<Dispatch> {
        let (engine, limits) = (&self.engine, &self.engine.limits);
        // The words of its own rows, which are at most as many as its elements, so that they can be bound too.
        let [begin, last] = [part.first, part.first + part.count - 1].map(|element| element / width);
        let own = Stretch {
            buffer: rows.buffer(),
            offset: rows.offset() + 4 * begin,
            first: begin,
            count: last - begin + 1,
            room: last - begin + 1,
        };
        let [(words, rows_at), (tensor, at)] = [own, part].map(|stretch| bound(stretch, limits.alignment));
        let first = (part.first % width) as u32;
        let task = ScaleTask { width: width as u32, count: part.count as u32, first, at, rows_at, factor };
        let by_vectors = task.by_vectors();
        let kernel = engine.pipelines.get("scale state", wgsl::rows_scaled(limits.division.invocations, by_vectors.is_some()))?;
        let task = by_vectors.unwrap_or(task);
        let workgroups = fold(u64::from(task.count.div_ceil(MOVED)), limits.workgroups);
        let task = upload(&engine.device, "wgpu-optim task", &[task])?;
        let bound = kernel.bind(&engine.device, |slot| match slot {
            Resource::Task => task.as_entire_binding(),
            Resource::Part(_) => words.clone(),
            _ => tensor.clone(),
        })?;
        Ok(Dispatch::new(&kernel, bound, workgroups))
    }
}
