//! States of fewer bits than f32, on the CPU: numbers as they are read back after they were stored. The twin of `shaders/storage`.

use rayon::prelude::*;

use super::tensor::Tensor;
use crate::rule::{AnyRule, Real, Stage};
use crate::step::{ACCUMULATED, Average, LaneRole, StateStorage};
use crate::storage::{BLOCK, Format, Packed, With, drawn, scale};

/// What the states of a tensor are stored as.
#[derive(Clone, Debug, Default)]
pub(super) struct Stored<F> {
    pub(super) storage: StateStorage,
    /// One for each state of the rule.
    formats: Vec<Format>,
    /// The scales of the blocks of each; none where there are none.
    pub(super) scales: Vec<Vec<F>>,
}

/// Blocks that a core goes through at a time.
const BLOCKS: usize = 64;

impl<F: Real> Stored<F> {
    /// Of a tensor of so many elements.
    pub(super) fn new(rule: &dyn AnyRule, storage: StateStorage, is_matrix: bool, elements: usize) -> Self {
        let format = |state: &crate::rule::StateField| match rule.uses_for(state.name, is_matrix) {
            true => storage.format(rule, state),
            false => Format::F32,
        };
        let formats: Vec<Format> = rule.states().iter().map(format).collect();
        let blocks = |format: &Format| if format.has_scales() { elements.div_ceil(BLOCK as usize) } else { 0 };
        Stored { storage, scales: formats.iter().map(|format| vec![F::zero(); blocks(format)]).collect(), formats }
    }

    /// Whether all states are f32.
    pub(super) fn is_plain(&self) -> bool {
        self.formats.iter().all(|format| *format == Format::F32)
    }
}

impl<F: Real> Tensor<F> {
    /// Stores what a stage has written of states.
    pub(super) fn store(&mut self, rule: &dyn AnyRule, stage: &Stage) {
        let Stored { storage, formats, scales } = &mut self.stored;
        // Blocks of rows that a row-sparse gradient has nothing for stay; all others are of rows that are seen.
        let mask = self.mask.as_ref().filter(|mask| mask.is_sparse());
        let stays = |block: usize| mask.is_some_and(|mask| !mask.sees(block * BLOCK as usize));
        let salt = storage.salt(&self.name);
        for (((state, format), scales), lane) in rule.states().iter().zip(formats).zip(scales).zip(&mut self.lanes) {
            let Some(packed) = format.packed().filter(|_| stage.writes(state.name)) else { continue };
            match packed.has_scales() {
                true => {
                    let blocks = lane.par_chunks_mut(BLOCK as usize).with_min_len(BLOCKS).zip(scales.par_iter_mut());
                    let written = blocks.enumerate().filter(|(number, _)| !stays(*number));
                    written.for_each(|(_, (block, scale))| store_block(packed, block, scale));
                }
                false => store_each(packed, lane, storage.salt_of(salt, (state.name, LaneRole::State), 0), self.step),
            }
        }
    }
}

impl<F: Real> Tensor<F> {
    /// Stores averages; what stays is what it was.
    pub(super) fn store_averages(&mut self, averages: &[Average]) {
        let storage = self.stored.storage;
        let Some(packed) = storage.averages.format(false).packed() else { return };
        let salt = storage.salt(&self.name);
        for (average, lane) in averages.iter().zip(&mut self.averages) {
            store_each(packed, lane, storage.salt_of(salt, (average.state(), LaneRole::Average), 0), self.step);
        }
    }

    /// Stores the gradients that are accumulated, after those of one more micro-batch.
    pub(super) fn store_accumulated(&mut self) {
        let storage = self.stored.storage;
        if let Some(packed) = storage.accumulated.format(false).packed() {
            let salt = storage.salt_of(storage.salt(&self.name), (ACCUMULATED, LaneRole::Accumulated), self.pending);
            store_each(packed, &mut self.accumulated, salt, self.step);
        }
    }

    /// Rounds values to the nearest, as whatever shows them does but for a step.
    pub(super) fn show(&self, values: &mut [F]) {
        self.round_values(values, 0);
    }

    /// Rounds values as a step does, but for master values.
    pub(super) fn round(&self, values: &mut [F]) {
        self.round_values(values, self.numbers.salt(&self.name));
    }

    fn round_values(&self, values: &mut [F], salt: u32) {
        if let Some(packed) = self.numbers.values().packed() {
            store_each(packed, values, salt, self.step);
        }
    }

    /// Puts the master values into the place of the values, from which these were rounded; in the first step, unless the values are others.
    pub(super) fn lend_master(&mut self, values: &mut [F]) {
        if self.step == 1 {
            let mut rounded = self.master.clone();
            self.show(&mut rounded);
            let others = self.master.iter_mut().zip(values.iter()).zip(&rounded);
            others.filter(|((_, value), rounded)| value.to_value() != rounded.to_value()).for_each(|((master, value), _)| *master = *value);
        }
        values.copy_from_slice(&self.master);
    }

    /// Takes them back, and rounds them to the values.
    pub(super) fn take_master(&mut self, values: &mut [F]) {
        self.master.copy_from_slice(values);
        self.show(values);
    }
}

/// Stores numbers one by one; each draws its own number where there is a salt.
fn store_each<F: Real>(packed: &dyn Packed, lane: &mut [F], salt: u32, steps: u32) {
    let length = BLOCKS * BLOCK as usize;
    lane.par_chunks_mut(length).enumerate().for_each(|(part, numbers)| {
        for (i, number) in numbers.iter_mut().enumerate() {
            let drawn = (salt != 0).then(|| drawn(salt, steps, (part * length + i) as u32));
            let stored = |x: f64| f64::from(packed.decode(packed.encode(x as f32, With { scale: 1.0, drawn }), 1.0));
            let own = if packed.is_root() { number.sqrt() } else { *number };
            let read = image(own, stored);
            *number = if packed.is_root() { read * read } else { read };
        }
    });
}

/// What a number becomes by a function that does not fall where it rises. So its error is what becomes of both ends: 0 where all of it becomes one number.
fn image<F: Real>(x: F, stored: impl Fn(f64) -> f64) -> F {
    let (value, error) = (x.to_value(), x.error());
    let own = stored(value);
    let error = match error > 0.0 {
        true => (stored(value + error) - own).max(own - stored(value - error)),
        false => 0.0,
    };
    F::inexact(own, error)
}

/// Stores the numbers of a block, and its scale.
fn store_block<F: Real>(packed: &dyn Packed, block: &mut [F], of_block: &mut F) {
    // A quotient may be off by 2.5 ulp, which is 5 roundings.
    let quotient = 5.0 * F::inexact(1.0, 0.0).error();
    let of = |number: &F, side: f64| (number.to_value().abs() + side * number.error()).max(0.0) as f32;
    let [least, own, most] = [-1.0, 0.0, 1.0].map(|side| scale(block.iter().map(|number| of(number, side))));
    for number in block.iter_mut() {
        let (value, error) = (number.to_value(), number.error() + quotient * number.to_value().abs());
        let stored = |x: f64, scale: f32| {
            let code = packed.encode(x as f32, With { scale, drawn: None });
            [least, most].map(|scale| f64::from(packed.decode(code, scale)))
        };
        let center = f64::from(packed.decode(packed.encode(value as f32, With { scale: own, drawn: None }), own));
        let sides = [value - error, value + error].into_iter().flat_map(|x| [least, most].map(|scale| stored(x, scale))).flatten();
        let error = if error > 0.0 || least < most { sides.fold(0.0, |most: f64, side| most.max((side - center).abs())) } else { 0.0 };
        *number = F::inexact(center, error);
    }
    *of_block = F::inexact(own.into(), f64::from((most - own).max(own - least)));
}
