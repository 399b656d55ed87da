//! Rows that come and go, and tensors that are removed or get another name, on the CPU.

use super::tensor::Tensor;
use super::view::Back;
use super::{CpuOptimizer, CpuParam};
use crate::error::{BufferRole, Error, Result, unknown};
use crate::program::FRESH;
use crate::rule::{AnyRule, Real};
use crate::step::{Config, Stored, check_resized, check_rows, check_words, go_with_rows};

/// A tensor with other rows: what it is now, its values before if these are to be moved, and those now.
pub type CpuRows<'a, F> = (CpuParam, Option<&'a [F]>, &'a mut [F]);

/// The number of a tensor, what it is going to be, its values before if they are moved, and those now.
type Changed<'a, F> = (usize, Tensor<F>, Option<&'a [F]>, &'a mut [F]);

impl<F: Real> CpuOptimizer<F> {
    /// Gives tensors other rows, as [`Optimizer::change_rows`](crate::Optimizer::change_rows) does; `rows` is as
    /// [`RowChange::rows`](crate::RowChange::rows).
    ///
    /// ```
    /// use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
    /// use wgpu_optim::{AdamW, RowChange};
    ///
    /// let mut optimizer = CpuOptimizer::<f32>::new(AdamW::default(), [CpuParam::new("means", &[2, 1])])?;
    /// let (mut before, mut now) = ([1.0, 2.0], [0.0, 0.0, 7.0]);
    /// optimizer.step(&mut [&mut before], &[Some(&[0.5, -0.5])])?;
    /// let tensor = (CpuParam::new("means", &[3, 1]), Some(&before[..]), &mut now[..]);
    /// optimizer.change_rows(&[1, 1 | RowChange::FRESH, RowChange::NEW], [tensor])?;
    /// assert_eq!(now, [before[1], before[1], 7.0]);
    /// assert_eq!(optimizer.state("means", "m")?[1..], [0.0, 0.0]);
    /// # Ok::<(), wgpu_optim::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// - [`Error::InView`] while other values than the trained ones are shown.
    /// - [`Error::UnknownName`], [`Error::DuplicateName`], [`Error::Conflict`], [`Error::Length`], as on the GPU.
    ///
    /// After any of them nothing is changed.
    pub fn change_rows<'a>(&mut self, rows: &[u32], tensors: impl IntoIterator<Item = CpuRows<'a, F>>) -> Result<()>
    where
        F: 'a,
    {
        self.check_shown("change_rows")?;
        let mut config = self.config.clone();
        let mut changed: Vec<Changed<'_, F>> = Vec::new();
        for (param, before, now) in tensors {
            let index = self.position(&param.name)?;
            if changed.iter().any(|(other, ..)| *other == index) {
                return Err(Error::DuplicateName { param: param.name });
            }
            let old = &self.tensors[index];
            check_rows(&param.name, &*self.config.groups[old.group].rule, [&old.shape, &param.shape], rows.len() as u64)?;
            if let Some(before) = before {
                old.check(BufferRole::Value, before.len())?;
            }
            changed.push((index, self.with_shape_of(index, param, now.len(), &mut config)?, before, now));
        }
        self.config = config;
        for (index, mut new, before, now) in changed {
            let old = &self.tensors[index];
            if let Some(before) = before {
                move_rows(before, now, rows, old.shape[0], FRESH, None);
            }
            new.take_rows(old, rows, now, &*self.config.groups[old.group].rule);
            self.tensors[index] = new;
        }
        self.number_rules();
        self.compile();
        Ok(())
    }

    /// Gives tensors more or fewer rows at their end, as [`Optimizer::resize_rows`](crate::Optimizer::resize_rows) does, each with its values as they are then.
    ///
    /// ```
    /// use wgpu_optim::Sgd;
    /// use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
    ///
    /// let mut optimizer = CpuOptimizer::<f32>::new(Sgd { momentum: 0.9, ..Default::default() }, [CpuParam::new("points", &[2])])?;
    /// optimizer.step(&mut [&mut [1.0, 2.0]], &[Some(&[0.5, -0.5])])?;
    /// optimizer.resize_rows([(CpuParam::new("points", &[3]), &[1.0, 2.0, 3.0][..])])?;
    /// assert_eq!(optimizer.state("points", "b")?, [0.5, -0.5, 0.0]);
    /// # Ok::<(), wgpu_optim::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`CpuOptimizer::change_rows`].
    pub fn resize_rows<'a>(&mut self, tensors: impl IntoIterator<Item = (CpuParam, &'a [F])>) -> Result<()>
    where
        F: 'a,
    {
        self.check_shown("resize_rows")?;
        let mut config = self.config.clone();
        let mut resized: Vec<(usize, Tensor<F>, &[F])> = Vec::new();
        for (param, values) in tensors {
            let index = self.position(&param.name)?;
            if resized.iter().any(|(other, ..)| *other == index) {
                return Err(Error::DuplicateName { param: param.name });
            }
            check_resized(&param.name, &*self.config.groups[self.tensors[index].group].rule, [&self.tensors[index].shape, &param.shape])?;
            resized.push((index, self.with_shape_of(index, param, values.len(), &mut config)?, values));
        }
        self.config = config;
        for (index, mut new, values) in resized {
            // A row that was not there is new.
            let rows: Vec<u32> = (0..new.shape[0] as u32).collect();
            let old = &self.tensors[index];
            new.take_rows(old, &rows, values, &*self.config.groups[old.group].rule);
            self.tensors[index] = new;
        }
        self.number_rules();
        self.compile();
        Ok(())
    }

    /// A tensor as it is going to be, with values of this length.
    fn with_shape_of(&self, index: usize, param: CpuParam, values: usize, config: &mut Config) -> Result<Tensor<F>> {
        let old = &self.tensors[index];
        let block = config.block(old.group, &param.name, param.lr_scale)?;
        let new = Tensor::new(CpuParam { frozen: param.frozen || old.frozen, ..param }, old.group, block, config)?;
        let stored = |own: &Tensor<F>| Stored { elements: own.len as u64, numbers: own.numbers, states: own.stored.storage };
        let lanes = self.config.step_kind().lanes(&*self.config.groups[old.group].rule, new.keeps());
        let row = new.shape.iter().skip(1).map(|&size| size as u64).product();
        check_words(&new.name, row, &lanes, [&stored(old), &stored(&new)])?;
        new.check(BufferRole::Value, values).map(|()| new)
    }

    /// Removes tensors, with all that is kept of them, as [`Optimizer::remove`](crate::Optimizer::remove) does.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownName`]; [`Error::NoParameters`]: none would be left; [`Error::InView`].
    pub fn remove<'a>(&mut self, tensors: impl IntoIterator<Item = &'a str>) -> Result<()> {
        self.check_shown("remove")?;
        let removed = tensors.into_iter().map(|name| self.position(name)).collect::<Result<Vec<_>>>()?;
        if (0..self.tensors.len()).all(|index| removed.contains(&index)) {
            return Err(Error::NoParameters);
        }
        let mut indices = 0..;
        self.tensors.retain(|_| indices.next().is_some_and(|index| !removed.contains(&index)));
        self.common.norms = None;
        self.number_rules();
        self.compile();
        Ok(())
    }

    /// Gives a tensor another name.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownName`]; [`Error::DuplicateName`]: another one is called so.
    pub fn rename(&mut self, from: &str, to: impl Into<String>) -> Result<()> {
        let (index, to) = (self.position(from)?, to.into());
        if self.tensors.iter().enumerate().any(|(other, tensor)| other != index && tensor.name == to) {
            return Err(Error::DuplicateName { param: to });
        }
        self.tensors[index].name = to;
        Ok(())
    }

    pub(super) fn position(&self, tensor: &str) -> Result<usize> {
        let names = || self.tensors.iter().map(|tensor| &*tensor.name);
        names().position(|known| known == tensor).ok_or_else(|| unknown("parameter", tensor, names()))
    }
}

impl<F: Real> Tensor<F> {
    /// Takes over what is kept of the tensor with other rows; averages of new rows, and states that hold values, begin as
    /// their values.
    fn take_rows(&mut self, old: &Tensor<F>, rows: &[u32], values: &[F], rule: &dyn AnyRule) {
        let had = old.shape[0];
        (self.step, self.pending, self.scalars, self.rule, self.back) = (old.step, old.pending, old.scalars.clone(), old.rule, Back::Shown);
        for ((new, old), state) in self.lanes.iter_mut().zip(&old.lanes).zip(rule.states()) {
            let begins = rule.values_in_state().contains(&state.name).then_some(values);
            if go_with_rows(state.extent, &self.shape) { move_rows(old, new, rows, had, 0, begins) } else { new.clone_from(old) }
        }
        // Rows of 8 bits are of whole blocks.
        for (new, old) in self.stored.scales.iter_mut().zip(&old.stored.scales) {
            move_rows(old, new, rows, had, 0, None);
        }
        // Counts that begin now begin at 0.
        if let (Some(new), Some(old)) = (&mut self.mask, old.mask.as_ref().filter(|old| old.own_steps())) {
            move_rows(&old.steps, &mut new.steps, rows, had, 0, None);
        }
        if let (Some(new), Some(old)) = (&mut self.mask, &old.mask) {
            new.take_entries(old, rows);
        }
        move_rows(&old.accumulated, &mut self.accumulated, rows, had, 0, None);
        for (new, old) in self.averages.iter_mut().zip(&old.averages) {
            move_rows(old, new, rows, had, FRESH, Some(values));
        }
    }
}

/// Each row of `now` is the row of `before`, of which there are `had`, that the index names, without the bits of `mask`; or that of `others`, or as it is.
fn move_rows<F: Real>(before: &[F], now: &mut [F], rows: &[u32], had: usize, mask: u32, others: Option<&[F]>) {
    let width = now.len() / rows.len().max(1);
    for (at, &row) in rows.iter().enumerate() {
        let (target, row) = (at * width..(at + 1) * width, (row & !mask) as usize);
        if row < had {
            now[target].copy_from_slice(&before[row * width..(row + 1) * width]);
        } else if let Some(others) = others {
            now[target.clone()].copy_from_slice(&others[target]);
        }
    }
}
