//! `StateStorage`: what the states of rules are stored as, and which states can be.

use crate::error::{Error, Result};
use crate::rule::{AnyRule, Extent, StateField};
use crate::storage::{Dtype, Format, Rounding, mixed, salt};

/// What the states of rules are stored as: f32, or numbers of fewer bits, which take less memory and less of its bandwidth. Each step computes in f32 and rounds the new states last,
/// so the values are those of the states before they are rounded. A rule of several stages reads in a later stage what an earlier one has stored.
///
/// Only states with a number for each element are meant; those of rows and columns stay f32, and so do states that hold values
/// ([`Rule::VALUES`](crate::rule::Rule::VALUES)), states that the caller writes ([`Rule::INPUTS`](crate::rule::Rule::INPUTS)), averages and accumulated gradients.
///
/// ```
/// use wgpu_optim::cpu::CpuOptimizer;
/// use wgpu_optim::step::Group;
/// use wgpu_optim::{AdamW, Dtype, Options, StateStorage};
///
/// // 8 bits for both moments: 2 bytes for a parameter in the place of 8.
/// let options = Options { state: StateStorage::all(Dtype::Dynamic8), ..Default::default() };
/// let mut optimizer = CpuOptimizer::<f32>::with_options([Group::new(AdamW::default(), [("w", 4096).into()])], options)?;
/// let mut values = vec![1.0; 4096];
/// optimizer.step(&mut [&mut values], &[Some(&vec![0.5; 4096])])?;
/// assert_eq!(optimizer.state("w", "m")?[0], 0.05); // the largest of its block is as it was
/// # Ok::<(), wgpu_optim::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateStorage {
    /// Of states that may be negative, such as first moments.
    ///
    /// Default: `Dtype::F32`.
    pub m: Dtype,
    /// Of states that never are ([`Rule::NEVER_NEGATIVE`](crate::rule::Rule::NEVER_NEGATIVE)), such as second moments. With [`Dtype::F16`] it is their roots, and what is
    /// above 0 is never stored as 0 with this one and [`Dtype::Dynamic8`]: it divides, and one step could be 10,000 times too long.
    ///
    /// Default: `Dtype::F32`.
    pub v: Dtype,
    /// How states in bf16 are rounded; others are rounded to the nearest. A second moment in bf16 that is rounded to the nearest stays where it is while the squares of
    /// gradients are near it; rounded stochastically, it follows them in the mean.
    ///
    /// Default: `Rounding::Nearest`.
    pub rounding: Rounding,
    /// Parameters of fewer elements keep their states in f32: biases and norms, which are little memory, and which rounding hurts most.
    ///
    /// Default: `4096`, range: `[0, 2^32)`.
    pub least: u32,
}

impl Default for StateStorage {
    fn default() -> Self {
        StateStorage { m: Dtype::F32, v: Dtype::F32, rounding: Rounding::Nearest, least: 4096 }
    }
}

/// What of a tensor decides whether states can be stored otherwise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Storable<'a> {
    pub(crate) param: &'a str,
    pub(crate) elements: u64,
    pub(crate) is_matrix: bool,
    /// Whether only some rows are updated.
    pub(crate) masked: bool,
    /// Elements of a row where workgroups go by rows, else 0.
    pub(crate) row_length: u64,
}

impl StateStorage {
    /// The same for all states.
    pub const fn all(dtype: Dtype) -> Self {
        StateStorage { m: dtype, v: dtype, rounding: Rounding::Nearest, least: 4096 }
    }

    /// How a state of a rule lies in words.
    pub(crate) fn format(&self, rule: &dyn AnyRule, state: &StateField) -> Format {
        if state.extent != Extent::Elements
            || rule.multiplies(state.name)
            || rule.values_in_state().contains(&state.name)
            || rule.inputs().contains(&state.name)
        {
            return Format::F32;
        }
        let never_negative = rule.never_negative().contains(&state.name);
        let dtype = if never_negative { self.v } else { self.m };
        dtype.format(never_negative)
    }

    /// What is stored as what of a tensor: this, or, where it has too few elements or nothing of it changes, f32.
    ///
    /// Fails where states of the tensor cannot be stored so.
    pub(crate) fn of(&self, rule: &dyn AnyRule, tensor: &Storable<'_>) -> Result<Self> {
        let own = || rule.active_states_for(tensor.is_matrix).into_iter().map(|state| &rule.states()[state]);
        let packed = || own().filter(|state| self.format(rule, state) != Format::F32);
        if tensor.elements < u64::from(self.least).max(1) || packed().next().is_none() {
            return Ok(StateStorage::default());
        }
        let Storable { param, masked, row_length, .. } = *tensor;
        for state in packed() {
            let blocks = self.format(rule, state).has_scales();
            let why = match row_length {
                _ if blocks && masked => "blocks of 256 elements share a scale, which rows that are not updated would follow".to_owned(),
                1.. if blocks => format!("blocks of 256 elements share a scale, and {} goes by rows and columns", rule.name()),
                1.. if !row_length.is_multiple_of(4) => {
                    format!("two numbers share a word, and its rows of {row_length} elements begin within words")
                }
                _ => continue,
            };
            let what = format!(
                "{param}: its state \"{}\" cannot be stored as {:?}: {why}; put it into a group with other state",
                state.name,
                self.dtype(rule, state)
            );
            return Err(Error::Conflict { what });
        }
        // Which one no state has, decides nothing.
        let one = |never_negative| {
            let mut states = packed().filter(|state| rule.never_negative().contains(&state.name) == never_negative);
            states.next().map(|state| self.dtype(rule, state)).unwrap_or_default()
        };
        let (m, v) = (one(false), one(true));
        let rounding = if [m, v].iter().any(|dtype| dtype.is_drawn()) { self.rounding } else { Rounding::Nearest };
        Ok(StateStorage { m, v, rounding, least: 0 })
    }

    fn dtype(&self, rule: &dyn AnyRule, state: &StateField) -> Dtype {
        if rule.never_negative().contains(&state.name) { self.v } else { self.m }
    }

    /// What stochastic rounding of a parameter's states goes by: 0 for the nearest.
    pub(crate) fn salt(&self, param: &str) -> u32 {
        salt(self.rounding, param)
    }

    /// That of one of its states.
    pub(crate) fn salt_of(&self, param_salt: u32, state: &str) -> u32 {
        if self.rounding == Rounding::Nearest { 0 } else { mixed(param_salt ^ name_salt(state)) | 1 }
    }
}

/// What a state's name is in its salt.
pub(crate) fn name_salt(state: &str) -> u32 {
    state.bytes().fold(0, |salt, byte| mixed(salt ^ u32::from(byte)))
}
