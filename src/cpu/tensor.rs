//! A parameter as the CPU backend keeps it: state, averages, step count and per-step scalars.

use super::CpuParam;
use super::row_mask::RowMask;
use super::stored::Stored;
use super::view::Back;
use crate::error::{BufferRole, Error, Result};
use crate::rule::{AnyRule, Extent, Extents, Real, StateField};
use crate::schedule::Schedule;
use crate::step::{Broadcast, Config, Keeps, MaskedRows, NumberStorage, Options, SCHEDULE_ERROR, StateStorage, Storable, check_one};

/// A parameter and what the optimizer keeps of it.
#[derive(Clone, Debug)]
pub(super) struct Tensor<F> {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) len: usize,
    pub(super) extents: Extents,
    pub(super) group: usize,
    pub(super) block: usize,
    /// The number of its rule in the program.
    pub(super) rule: usize,
    pub(super) frozen: bool,
    /// Elements of a unit, where units have factors.
    pub(super) unit: Option<usize>,
    pub(super) scales: Option<(Vec<F>, Broadcast)>,
    /// Which of them follow a schedule.
    pub(super) scale_schedules: Vec<(usize, Schedule)>,
    pub(super) mask: Option<RowMask<F>>,
    pub(super) step: u32,
    /// Those of the last step.
    pub(super) scalars: Vec<F>,
    /// Micro-batches in `accumulated`.
    pub(super) pending: u32,
    pub(super) accumulated: Vec<F>,
    /// One lane per state of the rule; empty where the state is not in use.
    pub(super) lanes: Vec<Vec<F>>,
    /// What these are stored as.
    pub(super) stored: Stored<F>,
    /// What the values are.
    pub(super) numbers: NumberStorage,
    /// The master values; empty where there are none.
    pub(super) master: Vec<F>,
    /// One list per sum of the rule; empty where the sum is not in use, or not formed yet in this step.
    pub(super) totals: Vec<Vec<F>>,
    /// One per average.
    pub(super) averages: Vec<Vec<F>>,
    pub(super) back: Back<F>,
}

impl<F: Real> Tensor<F> {
    pub(super) fn new(param: CpuParam, group: usize, block: usize, config: &Config) -> Result<Self> {
        let (rule, options, numbers) = (&*config.groups[group].rule, &config.options, param.storage());
        let CpuParam { name, shape, lr_scales, lr_scale_schedules, row_mask, sparse_rows, frozen, .. } = param;
        // Empty, whatever the other sizes.
        let len = if shape.contains(&0) { Some(0) } else { shape.iter().try_fold(1_usize, |len, &size| len.checked_mul(size)) };
        let Some(len) = len.filter(|&len| len <= isize::MAX as usize / 8) else {
            return Err(Error::HugeTensor { param: name, shape });
        };
        numbers.check(&name)?;
        numbers.check_rule(&name, rule)?;
        if lr_scales.is_some() && rule.tracks_values() {
            return Err(Error::ScaledState { param: name, rule: rule.name() });
        }
        let scales = |(scales, of): (Vec<f32>, Vec<usize>)| -> Result<(Vec<F>, Broadcast)> {
            let broadcast = Broadcast::new(&name, &shape, &of)?;
            let (needed, got) = (u64::from(broadcast.period), scales.len() as u64);
            if needed != got {
                return Err(Error::Length { param: name.clone(), role: BufferRole::LrScales, needed, got });
            }
            Ok((scales.into_iter().map(|scale| F::of(f64::from(scale))).collect(), broadcast))
        };
        let scales = lr_scales.map(scales).transpose()?;
        crate::step::check_scale_schedules(&name, scales.as_ref().map(|(scales, _)| scales.len() as u64), &lr_scale_schedules)?;
        check_one(&name, row_mask.is_some(), sparse_rows.is_some())?;
        let mut mask = row_mask.map(|mask| RowMask::new(&name, &shape, len, rule, mask)).transpose()?;
        if let Some(rows) = sparse_rows {
            let own = MaskedRows::sparse(&name, &shape, len as u64, rule, &config.clip(group))?;
            mask = Some(RowMask::sparse(own, rows));
        }
        let is_sparse = mask.as_ref().is_some_and(RowMask::is_sparse);
        let extents = rule.extents(&name, &shape)?;
        let storage = storage(&name, len, rule, extents, mask.as_ref(), &config.state(group), options)?;
        let matrix = extents.is_matrix;
        let lane = |used: bool, extent| if used { vec![F::zero(); extents.count(extent) as usize] } else { Vec::new() };
        let state = |state: &StateField| lane(rule.uses_for(state.name, extents.is_matrix), state.extent);
        Ok(Tensor {
            len,
            extents,
            group,
            block,
            rule: 0,
            frozen,
            unit: config.clip(group).unit(&shape).map(|unit| unit as usize),
            scales,
            scale_schedules: lr_scale_schedules,
            mask,
            step: 0,
            scalars: Vec::new(),
            pending: 0,
            accumulated: lane(options.accumulates() && !is_sparse, Extent::Elements),
            lanes: rule.states().iter().map(state).collect(),
            stored: Stored::new(rule, storage, matrix, len),
            numbers,
            master: lane(numbers.master, Extent::Elements),
            totals: Vec::new(),
            averages: options.averages().iter().map(|_| lane(true, Extent::Elements)).collect(),
            back: Back::Shown,
            shape,
            name,
        })
    }

    /// What its states are stored as by a config.
    pub(super) fn storage(&self, config: &Config) -> Result<StateStorage> {
        let rule = &*config.groups[self.group].rule;
        storage(&self.name, self.len, rule, self.extents, self.mask.as_ref(), &config.state(self.group), &config.options)
    }

    /// What decides which lanes it has.
    pub(super) fn keeps(&self) -> Keeps {
        let (values, master) = (self.numbers.values(), self.numbers.master);
        Keeps {
            matrix: self.extents.is_matrix,
            counted: self.own_steps(),
            listed: self.is_row_sparse(),
            storage: self.stored.storage,
            values,
            master,
        }
    }

    /// Whether its gradient is row-sparse.
    pub(super) fn is_row_sparse(&self) -> bool {
        self.mask.as_ref().is_some_and(RowMask::is_sparse)
    }

    /// How many gradients it has.
    pub(super) fn gradients(&self) -> usize {
        self.mask.as_ref().and_then(RowMask::gradients).unwrap_or(self.len)
    }

    /// Whether its rows count their own steps.
    pub(super) fn own_steps(&self) -> bool {
        self.mask.as_ref().is_some_and(RowMask::own_steps)
    }

    /// Sets the scales that follow a schedule, for a step counted from 1.
    pub(super) fn schedule_scales(&mut self, step: u32) {
        let Some((scales, _)) = &mut self.scales else { return };
        for (index, schedule) in &self.scale_schedules {
            let value = schedule.value(step.saturating_sub(1));
            scales[*index] = F::inexact(value, SCHEDULE_ERROR * value.abs());
        }
    }

    pub(super) fn check(&self, role: BufferRole, got: usize) -> Result<()> {
        let needed = if role == BufferRole::Gradient { self.gradients() } else { self.len };
        if got == needed {
            return Ok(());
        }
        Err(Error::Length { param: self.name.clone(), role, needed: needed as u64, got: got as u64 })
    }

    /// Adds one more micro-batch to those accumulated.
    pub(super) fn accumulate(&mut self, gradient: &[F]) {
        let begins = self.pending == 0;
        if let Some(mask) = self.mask.as_mut().filter(|mask| mask.is_sparse()) {
            mask.append(gradient, begins);
            self.pending += 1;
            return;
        }
        let masked = self.mask.as_ref().map(|mask| mask.applied(gradient.to_vec()));
        let gradient = masked.as_deref().unwrap_or(gradient);
        if begins {
            self.accumulated.copy_from_slice(gradient);
        } else {
            self.accumulated.iter_mut().zip(gradient).for_each(|(sum, &g)| *sum = *sum + g);
        }
        self.store_accumulated();
        self.pending += 1;
    }

    /// The gradient of a step whose last micro-batch has this one, if it is not this one: with those accumulated before, which are then forgotten, and
    /// zero in rows that are not seen.
    pub(super) fn total(&mut self, gradient: &[F]) -> Option<Vec<F>> {
        let has_earlier = core::mem::take(&mut self.pending) > 0;
        let sum = || gradient.iter().zip(&self.accumulated).map(|(&g, &sum)| g + sum).collect();
        match &mut self.mask {
            Some(mask) if mask.is_sparse() => Some(mask.dense(gradient, has_earlier)),
            Some(mask) => Some(mask.applied(if has_earlier { sum() } else { gradient.to_vec() })),
            None => has_earlier.then(sum),
        }
    }
}

/// What the states of a tensor are stored as.
fn storage<F: Real>(
    param: &str,
    len: usize,
    rule: &dyn AnyRule,
    extents: Extents,
    mask: Option<&RowMask<F>>,
    state: &StateStorage,
    options: &Options,
) -> Result<StateStorage> {
    let rows = mask.filter(|mask| mask.is_sparse()).map(|mask| mask.length() as u64);
    let by_rows = rows.unwrap_or(if rule.is_tiled(extents.is_matrix) { extents.width() } else { 0 });
    let (elements, is_matrix, averages) = (len as u64, extents.is_matrix, !options.averages().is_empty());
    let accumulates = options.accumulates() && rows.is_none();
    let (masked, listed) = (mask.is_some(), rows.is_some());
    state.of(rule, &Storable { param, elements, is_matrix, masked, listed, row_length: by_rows, averages, accumulates })
}
