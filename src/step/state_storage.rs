//! `StateStorage`: what states are stored as, those of rules and those that options keep, and which of them can be.

use crate::error::{Error, Result};
use crate::rule::{AnyRule, Extent, StateField};
use crate::step::LaneRole;
use crate::storage::{BLOCK, Dtype, Format, Rounding, mixed, salt};

/// What states are stored as: f32, or numbers of fewer bits, which take less memory and less of its bandwidth. Each step computes in f32 and rounds the new states last,
/// so the values are those of the states before they are rounded. A rule of several stages reads in a later stage what an earlier one has stored.
///
/// Of a rule's states only those with a number for each element are meant; those of rows and columns stay f32, and so do states that hold values
/// ([`Rule::VALUES`](crate::rule::Rule::VALUES)) and states that the caller writes ([`Rule::INPUTS`](crate::rule::Rule::INPUTS)). Averages of the values and accumulated gradients have fields of their own.
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
    /// States that are stored as something else than `m` and `v` say, by the names that checkpoints have for them, which are torch's, such as `exp_avg_sq`. Of a rule with three states or more, one
    /// may need more bits than the others. A name that the rule does not have, or of a state that has no choice, is an error; one that the rule does not use with its hyper-parameters decides nothing.
    /// Where groups have other rules, [`Group::state`](crate::step::Group::state) has the names of each.
    ///
    /// ```
    /// use wgpu_optim::{Dtype, StateStorage};
    ///
    /// // AMSGrad: first moments in bf16, second moments in 8 bits, and the largest of these, which are never forgotten, in f32.
    /// let states = StateStorage { m: Dtype::Bf16, named: &[("max_exp_avg_sq", Dtype::F32)], ..StateStorage::all(Dtype::Dynamic8) };
    /// ```
    ///
    /// Default: `[]`.
    pub named: &'static [(&'static str, Dtype)],
    /// How states of rules in bf16 are rounded; others are rounded to the nearest. A second moment in bf16 that is rounded to the nearest stays where it is while the squares of
    /// gradients are near it; rounded stochastically, it follows them in the mean.
    ///
    /// Default: `Rounding::Nearest`.
    pub rounding: Rounding,
    /// Averages of the values, `slow`, `ema` and `swa`: [`Dtype::F32`] or [`Dtype::Bf16`]. A view loses nothing: values in f32 then need 2 bytes for an element more, whatever the
    /// number of averages, for half of the trained values while others are shown; values in bf16, and master values, need none.
    ///
    /// Default: `Dtype::F32`.
    pub averages: Dtype,
    /// The gradients accumulated over micro-batches: [`Dtype::F32`] or [`Dtype::Bf16`].
    ///
    /// Default: `Dtype::F32`.
    pub accumulated: Dtype,
    /// How averages and accumulated gradients in bf16 are rounded. To the nearest, an average with a decay of 0.999 or more stays where it begins, since what enters it in a step is less
    /// than half of what lies between two numbers; and a sum of many gradients stops where they are that small beside it. Rounded stochastically, both are right in the mean.
    ///
    /// Default: `Rounding::Stochastic { seed: 0 }`.
    pub kept_rounding: Rounding,
    /// Parameters of fewer elements keep their states in f32: biases and norms, which are little memory, and which rounding hurts most.
    ///
    /// Default: `4096`, range: `[0, 2^32)`.
    pub least: u32,
}

impl Default for StateStorage {
    fn default() -> Self {
        StateStorage::all(Dtype::F32)
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
    /// Whether these are the rows of a row-sparse gradient.
    pub(crate) listed: bool,
    /// Elements of a row where workgroups go by rows, else 0.
    pub(crate) row_length: u64,
    /// Whether the options keep averages of it.
    pub(crate) averages: bool,
    /// Whether the options accumulate its gradients.
    pub(crate) accumulates: bool,
}

impl StateStorage {
    /// The same for all states of rules; averages and accumulated gradients stay f32.
    pub const fn all(dtype: Dtype) -> Self {
        let (averages, accumulated, kept_rounding) = (Dtype::F32, Dtype::F32, Rounding::Stochastic { seed: 0 });
        StateStorage { m: dtype, v: dtype, named: &[], rounding: Rounding::Nearest, averages, accumulated, kept_rounding, least: 4096 }
    }

    /// How a state of a rule lies in words.
    pub(crate) fn format(&self, rule: &dyn AnyRule, state: &StateField) -> Format {
        match has_choice(rule, state) {
            true => self.dtype(rule, state).format(rule.never_negative().contains(&state.name)),
            false => Format::F32,
        }
    }

    /// What is stored as what of a tensor: this, or, where it has too few elements or nothing of it changes, f32.
    ///
    /// Fails where states of the tensor cannot be stored so.
    pub(crate) fn of(&self, rule: &dyn AnyRule, tensor: &Storable<'_>) -> Result<Self> {
        self.check_kept(tensor.param)?;
        self.check_named(tensor.param, rule)?;
        let own = || rule.active_states_for(tensor.is_matrix).into_iter().map(|state| &rule.states()[state]);
        let packed = || own().filter(|state| self.format(rule, state) != Format::F32);
        let only = |is_there: bool, dtype: Dtype| if is_there { dtype } else { Dtype::F32 };
        let (averages, accumulated) = (only(tensor.averages, self.averages), only(tensor.accumulates, self.accumulated));
        let kept = [("averages", averages), ("accumulated gradients", accumulated)].into_iter().filter(|(_, dtype)| *dtype != Dtype::F32);
        let mut all = packed()
            .map(|state| (format!("state \"{}\"", state.name), self.dtype(rule, state), self.format(rule, state).has_scales()))
            .chain(kept.map(|(name, dtype)| (name.to_owned(), dtype, false)))
            .peekable();
        if tensor.elements < u64::from(self.least).max(1) || all.peek().is_none() {
            return Ok(StateStorage::default());
        }
        let Storable { param, masked, listed, row_length, .. } = *tensor;
        for (name, dtype, blocks) in all {
            let why = match row_length {
                _ if blocks && listed && row_length.is_multiple_of(BLOCK) => continue,
                _ if blocks && listed => format!(
                    "blocks of {BLOCK} elements share a scale, and its rows of {row_length} elements, of which a row-sparse gradient has some, are not whole blocks"
                ),
                _ if blocks && masked => "blocks of 256 elements share a scale, which rows that are not updated would follow".to_owned(),
                1.. if blocks => format!("blocks of 256 elements share a scale, and {} goes by rows and columns", rule.name()),
                1.. if !row_length.is_multiple_of(4) => {
                    format!("two numbers share a word, and its rows of {row_length} elements begin within words")
                }
                _ => continue,
            };
            let what = format!("{param}: its {name} cannot be stored as {dtype:?}: {why}; put it into a group with other state");
            return Err(Error::Conflict { what });
        }
        // Which one no state has, decides nothing.
        let one = |never_negative| {
            let mut states =
                packed().filter(|state| rule.never_negative().contains(&state.name) == never_negative && self.own(state).is_none());
            states.next().map(|state| self.dtype(rule, state)).unwrap_or_default()
        };
        let (m, v) = (one(false), one(true));
        let drawn = |of: &[Dtype], rounding| if of.iter().any(|dtype| dtype.is_drawn()) { rounding } else { Rounding::Nearest };
        let of_states: Vec<Dtype> = packed().map(|state| self.dtype(rule, state)).collect();
        let (rounding, kept_rounding) = (drawn(&of_states, self.rounding), drawn(&[averages, accumulated], self.kept_rounding));
        Ok(StateStorage { m, v, named: self.named, rounding, averages, accumulated, kept_rounding, least: 0 })
    }

    /// Fails for a name of no state that can be stored otherwise, and for one that is there twice.
    fn check_named(&self, param: &str, rule: &dyn AnyRule) -> Result<()> {
        let known: Vec<&str> = rule.states().iter().filter(|state| has_choice(rule, state)).map(|state| state.torch).collect();
        for (number, (name, dtype)) in self.named.iter().enumerate() {
            let rule_name = rule.name();
            let why = if !known.contains(name) {
                let all = if known.is_empty() { "none".to_owned() } else { format!("\"{}\"", known.join("\", \"")) };
                format!("{rule_name} has no state \"{name}\" that can be stored as {dtype:?}; those that can be are {all}")
            } else if let Some((_, other)) = self.named[..number].iter().find(|(other, _)| other == name) {
                format!("{rule_name}'s state \"{name}\" is named twice, as {other:?} and as {dtype:?}")
            } else {
                continue;
            };
            return Err(Error::Conflict { what: format!("{param}: {why}") });
        }
        Ok(())
    }

    /// Fails for a dtype that averages and accumulated gradients cannot have.
    fn check_kept(&self, param: &str) -> Result<()> {
        let all = [("averages", self.averages), ("accumulated gradients", self.accumulated)];
        match all.into_iter().find(|(_, dtype)| !matches!(dtype, Dtype::F32 | Dtype::Bf16)) {
            Some((name, dtype)) => {
                let what = format!("{param}: {name} in {dtype:?}: averages and accumulated gradients can be F32 or Bf16");
                Err(Error::Conflict { what })
            }
            None => Ok(()),
        }
    }

    /// Fails where an average that is rounded would begin as the values are then.
    pub(crate) fn check_begins(&self, param: &str, average: &str) -> Result<()> {
        if self.averages == Dtype::F32 {
            return Ok(());
        }
        let what = format!(
            "{param}: its average \"{average}\" would begin now, and averages are stored as {:?}; have averages from the beginning, with a later start",
            self.averages
        );
        Err(Error::Conflict { what })
    }

    /// The least bits of a number of any state.
    pub(crate) fn bits(&self) -> u32 {
        let all = [self.m, self.v, self.averages, self.accumulated].into_iter().chain(self.named.iter().map(|(_, dtype)| *dtype));
        all.map(Dtype::bits).min().unwrap_or(32)
    }

    /// How numbers of a lane that the options keep lie in words.
    pub(super) fn format_of(&self, role: LaneRole) -> Format {
        match role {
            LaneRole::Average => self.averages.format(false),
            LaneRole::Accumulated => self.accumulated.format(false),
            _ => Format::F32,
        }
    }

    /// How a lane is rounded.
    pub(crate) fn rounding_of(&self, role: LaneRole) -> Rounding {
        match role {
            LaneRole::Average | LaneRole::Accumulated => self.kept_rounding,
            LaneRole::State => self.rounding,
            _ => Rounding::Nearest,
        }
    }

    fn dtype(&self, rule: &dyn AnyRule, state: &StateField) -> Dtype {
        self.own(state).unwrap_or(if rule.never_negative().contains(&state.name) { self.v } else { self.m })
    }

    /// What a state is stored as by its name.
    fn own(&self, state: &StateField) -> Option<Dtype> {
        self.named.iter().find(|(name, _)| *name == state.torch).map(|(_, dtype)| *dtype)
    }

    /// What stochastic rounding of a parameter's states goes by: 0 for the nearest. It is of one seed, that of the rules' states if these are drawn.
    pub(crate) fn salt(&self, param: &str) -> u32 {
        salt(if self.rounding == Rounding::Nearest { self.kept_rounding } else { self.rounding }, param)
    }

    /// That of one of its states; of accumulated gradients, also by how many there are of the next step.
    pub(crate) fn salt_of(&self, param_salt: u32, lane: (&str, LaneRole), pending: u32) -> u32 {
        let (name, role) = lane;
        if self.rounding_of(role) == Rounding::Nearest { 0 } else { mixed(param_salt ^ self.number_of(name, role) ^ pending) | 1 }
    }

    /// What a lane is in its salt: its name, and its seed where that is another than the parameter's salt is of.
    pub(crate) fn number_of(&self, name: &str, role: LaneRole) -> u32 {
        let seed = |rounding| if let Rounding::Stochastic { seed } = rounding { seed } else { 0 };
        let other = match self.rounding {
            Rounding::Nearest => 0,
            of_states => seed(self.rounding_of(role)) ^ seed(of_states),
        };
        name.bytes().fold(0, |salt, byte| mixed(salt ^ u32::from(byte))) ^ mixed(other)
    }
}

/// Whether a state can be stored otherwise than in f32: one of elements, that is neither values, nor the caller's, nor what matrices are multiplied in.
fn has_choice(rule: &dyn AnyRule, state: &StateField) -> bool {
    let fixed = rule.multiplies(state.name) || rule.values_in_state().contains(&state.name) || rule.inputs().contains(&state.name);
    state.extent == Extent::Elements && !state.is_scratch() && !fixed
}
