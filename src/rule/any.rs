//! `AnyRule`: every rule behind one object-safe trait.

use core::any::Any;
use core::fmt;

use super::{
    Bounded, Extent, Extents, Field, HyperParameter, KnownAs, Layout, Rule, ScalarLayout, Stage, StateField, StateLayout, SumField, Twin,
};

/// Any [`Rule`] behind one type: what the engine, the tables, the proofs and the benchmarks see.
pub trait AnyRule: Twin<f32> + Twin<f64> + Twin<Bounded> + fmt::Debug + Send + Sync {
    /// See [`Rule::NAME`].
    fn name(&self) -> &'static str;
    /// See [`Rule::FORMULA`].
    fn formula(&self) -> &'static str;
    /// See [`Rule::WGSL`].
    fn source(&self) -> &'static str;
    /// See [`Rule::KNOWN_AS`].
    fn known_as(&self) -> &'static [KnownAs];
    /// The hyper-parameters that a user sets.
    fn parameters(&self) -> &'static [HyperParameter];
    /// Their values, in the same order.
    fn values(&self) -> Vec<f64>;
    /// Sets one by name; false if there is none.
    fn set(&mut self, name: &str, value: f64) -> bool;
    /// What the kernel reads per group.
    fn hyper_fields(&self) -> &'static [Field];
    /// The words of [`Rule::hyper`] in f32.
    fn hyper_words(&self) -> Vec<u32>;
    /// The words of [`Rule::hyper`] in f64.
    fn hyper_numbers(&self) -> Vec<f64>;
    /// What depends on the step count.
    fn scalar_fields(&self) -> &'static [&'static str];
    /// The names of the hyper-parameters that a schedule may set: [`HyperParameter::scheduled`].
    fn scheduled(&self) -> Vec<&'static str>;
    /// The scalars of a step, in f64, where each of the last step's is this number.
    fn scalars_after(&self, step: f64, last: f64) -> Vec<f64>;
    /// See [`Rule::VALUES`].
    fn values_in_state(&self) -> &'static [&'static str];
    /// Whether some state holds values: [`Rule::VALUES`].
    fn tracks_values(&self) -> bool {
        !self.values_in_state().is_empty()
    }
    /// See [`Rule::NEVER_NEGATIVE`].
    fn never_negative(&self) -> &'static [&'static str];
    /// See [`Rule::GOES_ON`].
    fn goes_on(&self) -> bool;
    /// See [`Rule::INPUTS`].
    fn inputs(&self) -> &'static [&'static str];
    /// See [`Rule::VIEWS`].
    fn has_views(&self) -> bool;
    /// All state tensors of the rule.
    fn states(&self) -> &'static [StateField];
    /// All sums of the rule.
    fn sums(&self) -> &'static [SumField];
    /// See [`Rule::STAGES`].
    fn stages(&self) -> &'static [Stage];
    /// See [`Rule::uses`].
    fn uses(&self, state: &str) -> bool;
    /// See [`Rule::uses_for`].
    fn uses_for(&self, state_or_sum: &str, is_matrix: bool) -> bool;
    /// See [`Rule::counts_as`].
    ///
    /// # Errors
    ///
    /// The message of [`Rule::counts_as`].
    fn counts_as(&self, shape: &[usize]) -> Result<Vec<usize>, String>;
    /// See [`Rule::coefficients`].
    fn coefficients(&self, rows: usize, columns: usize) -> Vec<[f64; 3]>;
    /// See [`Rule::iterates_in_f16`].
    fn iterates_in_f16(&self) -> bool;
    /// See [`Rule::has_square`].
    fn has_square(&self, dimensions: usize, size: usize) -> bool;
    /// See [`Rule::LEARNING_RATES`].
    fn learning_rates(&self) -> &'static [&'static str];
    /// See [`Rule::FIXED`].
    fn fixed(&self) -> &'static [&'static str];
    /// See [`Rule::begins`].
    fn begins(&self) -> bool;
    /// See [`Rule::check`].
    ///
    /// # Errors
    ///
    /// The message of [`Rule::check`].
    fn check(&self) -> Result<(), String>;
    /// See [`Rule::cases`]. Of the feature `cpu`: what goes through cases compares with the CPU twin.
    #[cfg(feature = "cpu")]
    fn cases(&self) -> Vec<(&'static str, Box<dyn AnyRule>)>;
    /// A copy.
    fn boxed(&self) -> Box<dyn AnyRule>;
    /// For a downcast to the rule itself.
    fn as_any(&self) -> &dyn Any;
}

impl<R: Rule> AnyRule for R {
    fn name(&self) -> &'static str {
        R::NAME
    }
    fn formula(&self) -> &'static str {
        R::FORMULA
    }
    fn source(&self) -> &'static str {
        R::WGSL
    }
    fn known_as(&self) -> &'static [KnownAs] {
        R::KNOWN_AS
    }
    fn parameters(&self) -> &'static [HyperParameter] {
        R::PARAMETERS
    }
    fn values(&self) -> Vec<f64> {
        super::HyperParameters::values(self)
    }
    fn set(&mut self, name: &str, value: f64) -> bool {
        super::HyperParameters::set(self, name, value)
    }
    fn hyper_fields(&self) -> &'static [Field] {
        R::Hyper::<f32>::FIELDS
    }
    fn hyper_words(&self) -> Vec<u32> {
        self.hyper::<f32>().words()
    }
    fn scalar_fields(&self) -> &'static [&'static str] {
        <R::Scalars<f32> as ScalarLayout<f32>>::FIELDS
    }
    fn hyper_numbers(&self) -> Vec<f64> {
        self.hyper::<f64>().numbers()
    }
    fn scheduled(&self) -> Vec<&'static str> {
        R::PARAMETERS.iter().filter(|parameter| parameter.scheduled).map(|parameter| parameter.name).collect()
    }
    fn scalars_after(&self, step: f64, last: f64) -> Vec<f64> {
        let last = vec![last; <R::Scalars<f64> as ScalarLayout<f64>>::FIELDS.len()];
        R::prepare(&self.hyper(), step, &R::Scalars::from_slice(&last)).to_vec()
    }
    fn values_in_state(&self) -> &'static [&'static str] {
        R::VALUES
    }
    fn never_negative(&self) -> &'static [&'static str] {
        R::NEVER_NEGATIVE
    }
    fn goes_on(&self) -> bool {
        R::GOES_ON
    }
    fn inputs(&self) -> &'static [&'static str] {
        R::INPUTS
    }
    fn has_views(&self) -> bool {
        R::VIEWS
    }
    fn states(&self) -> &'static [StateField] {
        <R::State<f32> as StateLayout<f32>>::FIELDS
    }
    fn sums(&self) -> &'static [SumField] {
        <R::State<f32> as StateLayout<f32>>::SUMS
    }
    fn stages(&self) -> &'static [Stage] {
        R::STAGES
    }
    fn uses(&self, state: &str) -> bool {
        Rule::uses(self, state)
    }
    fn uses_for(&self, state_or_sum: &str, is_matrix: bool) -> bool {
        Rule::uses_for(self, state_or_sum, is_matrix)
    }
    fn counts_as(&self, shape: &[usize]) -> Result<Vec<usize>, String> {
        Rule::counts_as(self, shape)
    }
    fn coefficients(&self, rows: usize, columns: usize) -> Vec<[f64; 3]> {
        Rule::coefficients(self, rows, columns)
    }
    fn iterates_in_f16(&self) -> bool {
        Rule::iterates_in_f16(self)
    }
    fn has_square(&self, dimensions: usize, size: usize) -> bool {
        Rule::has_square(self, dimensions, size)
    }
    fn learning_rates(&self) -> &'static [&'static str] {
        R::LEARNING_RATES
    }
    fn fixed(&self) -> &'static [&'static str] {
        R::FIXED
    }
    fn begins(&self) -> bool {
        Rule::begins(self)
    }
    fn check(&self) -> Result<(), String> {
        Rule::check(self)
    }
    #[cfg(feature = "cpu")]
    fn cases(&self) -> Vec<(&'static str, Box<dyn AnyRule>)> {
        R::cases().into_iter().map(|(name, rule)| (name, rule.boxed())).collect()
    }
    fn boxed(&self) -> Box<dyn AnyRule> {
        Box::new(self.clone())
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl<R: Rule> From<R> for Box<dyn AnyRule> {
    fn from(rule: R) -> Self {
        Box::new(rule)
    }
}

impl Clone for Box<dyn AnyRule> {
    fn clone(&self) -> Self {
        (**self).boxed()
    }
}

impl dyn AnyRule + '_ {
    /// The indices of the state tensors in use with these hyper-parameters.
    pub fn active_states(&self) -> Vec<usize> {
        let states = self.states().iter().enumerate();
        states.filter(|(_, state)| self.uses(state.name)).map(|(index, _)| index).collect()
    }

    /// The indices of the state tensors that are kept of a matrix, or of a tensor that is none.
    pub fn active_states_for(&self, is_matrix: bool) -> Vec<usize> {
        let states = self.states().iter().enumerate();
        states.filter(|(_, state)| self.uses_for(state.name, is_matrix)).map(|(index, _)| index).collect()
    }

    /// Whether the scalars of a step depend on those of the last one: then what is no number stays none.
    pub fn carries_scalars(&self) -> bool {
        let depends =
            |step| self.scalars_after(step, 0.0).iter().zip(self.scalars_after(step, f64::NAN)).any(|(own, of_nan)| *own != of_nan);
        [2.0, 1000.0].into_iter().any(depends)
    }

    /// Bytes that perfect kernels move per element of an f32 matrix and step, see [`bytes_per_element`](#method.bytes_per_element).
    pub fn bytes_per_parameter(&self) -> usize {
        self.bytes_per_element(self.counts_matrices())
    }

    /// Bytes that perfect kernels move per element and step, of a tensor that counts as a matrix or of one that does not: what each stage over elements reads of gradient, value
    /// and states in use, and what it writes of states and, at last, of the value. What rows and columns have is little beside it.
    pub fn bytes_per_element(&self, is_matrix: bool) -> usize {
        let states = self.states().iter().filter(|state| state.extent == Extent::Elements && self.uses_for(state.name, is_matrix));
        let names: Vec<&str> = states.map(|state| state.name).collect();
        let stages = (0..self.stages().len()).filter(|&stage| self.runs(stage, is_matrix)).map(|stage| &self.stages()[stage]);
        let numbers = |stage: &Stage| {
            let states = names.iter().map(|name| usize::from(stage.reads(name)) + usize::from(stage.writes(name)));
            usize::from(stage.gradient) + usize::from(stage.value) + states.sum::<usize>()
        };
        // The value is written once.
        4 * (1 + stages.filter(|stage| stage.over == Extent::Elements).map(numbers).sum::<usize>())
    }

    /// Sets one hyper-parameter by name. Ranges are for [`validate`](#method.validate), but for that of a flag.
    ///
    /// # Errors
    ///
    /// - [`Error::UnknownName`](crate::Error::UnknownName): the rule has no such hyper-parameter.
    /// - [`Error::OutOfRange`](crate::Error::OutOfRange): it is a flag, and the value is neither 0 nor 1.
    pub fn try_set(&mut self, name: &str, value: f64) -> Result<(), crate::Error> {
        let parameters = self.parameters();
        let known = parameters.iter().find(|parameter| parameter.name == name);
        let known = known.ok_or_else(|| crate::error::unknown("hyper-parameter", name, parameters.iter().map(|known| known.name)))?;
        if known.flag && value != 0.0 && value != 1.0 {
            let (rule, parameter, range) = (self.name(), known.name, known.range);
            return Err(crate::Error::OutOfRange { rule, parameter, range, got: value });
        }
        self.set(name, value);
        Ok(())
    }

    /// The rows, columns and slices of a parameter of this shape.
    pub(crate) fn extents(&self, param: &str, shape: &[usize]) -> Result<Extents, crate::Error> {
        let conflict = |message: String| crate::Error::Conflict { what: format!("{param}: {message}") };
        let counts_as = self.counts_as(shape).map_err(conflict)?;
        let has_square = |size: u64| self.has_square(counts_as.len(), size as usize);
        let counted = Extents::of(&counts_as).with_squares(has_square);
        match (counted.elements, Extents::of(shape).elements) {
            (counted, own) if counted != own => Err(conflict(format!("{} counts it as {counted} elements, and it has {own}", self.name()))),
            _ => Ok(counted),
        }
    }

    /// Whether what the rule keeps of a parameter goes with its rows: it counts as what it is, or nothing is kept of rows and columns.
    pub(crate) fn has_rows_of(&self, shape: &[usize]) -> bool {
        let counted = self.counts_as(shape).unwrap_or_default();
        let mut kept = self.active_states_for(counted.len() >= 2).into_iter().map(|state| self.states()[state].extent);
        // The rows of a matrix that has as many as the first dimension are those.
        let are_first = counted.len() == 2 && shape.len() >= 2 && counted[0] == shape[0];
        counted == shape || kept.all(|extent| extent == Extent::Elements || (are_first && extent == Extent::Rows))
    }

    /// Whether this rule, of the other's type, uses the same states and sums.
    pub(crate) fn uses_what(&self, other: &dyn AnyRule) -> bool {
        let is_alike =
            |(name, _)| [true, false].into_iter().all(|is_matrix| self.uses_for(name, is_matrix) == other.uses_for(name, is_matrix));
        self.active_states() == other.active_states() && self.members().all(is_alike)
    }

    /// Whether both are values of one type of rule; two rules may have one name.
    pub(crate) fn is_like(&self, other: &dyn AnyRule) -> bool {
        self.as_any().type_id() == other.as_any().type_id()
    }

    /// Whether a group that runs `old` may run this rule from now on: the kernels and the states in use have to be the same.
    pub(crate) fn check_replaces(&self, old: &dyn AnyRule, group: usize) -> Result<(), crate::Error> {
        let fixed = |rule: &dyn AnyRule| -> Vec<String> {
            let own = rule.parameters().iter().zip(rule.values()).filter(|(known, _)| rule.fixed().contains(&known.name));
            own.map(|(known, value)| format!(", {} {value:?}", known.name)).collect()
        };
        let is_fixed = fixed(self) == fixed(old);
        if self.is_like(old) && self.active_states() == old.active_states() && is_fixed {
            return Ok(());
        }
        let describe = |rule: &dyn AnyRule| {
            let states: Vec<&str> = rule.active_states().into_iter().map(|state| rule.states()[state].name).collect();
            format!("{} with state [{}]{}", rule.name(), states.join(", "), if is_fixed { String::new() } else { fixed(rule).concat() })
        };
        Err(crate::Error::OtherRule { group, has: describe(old), wants: describe(self) })
    }

    /// Checks every hyper-parameter against its range, then the conditions among them.
    ///
    /// # Errors
    ///
    /// - [`Error::OutOfRange`](crate::Error::OutOfRange): a value is outside its range.
    /// - [`Error::NotF32`](crate::Error::NotF32): f32 does not hold it as a normal number.
    /// - [`Error::HyperParameters`](crate::Error::HyperParameters): the values do not go together.
    pub fn validate(&self) -> Result<(), crate::Error> {
        for (parameter, got) in self.parameters().iter().zip(self.values()) {
            if !parameter.range.contains(got) {
                let (rule, parameter, range) = (self.name(), parameter.name, parameter.range);
                return Err(crate::Error::OutOfRange { rule, parameter, range, got });
            }
            // A GPU would see 0 or infinity instead.
            let (smallest, largest) = (f64::from(f32::MIN_POSITIVE), f64::from(f32::MAX));
            if got != 0.0 && !(smallest..=largest).contains(&got.abs()) {
                return Err(crate::Error::NotF32 { rule: self.name(), parameter: parameter.name, got });
            }
        }
        self.check().map_err(|message| crate::Error::HyperParameters { rule: self.name(), message })
    }
}
