//! What values and gradients of a parameter are stored as, and what goes with it.

use crate::error::{Error, Result};
use crate::rule::AnyRule;
use crate::storage::{Dtype, Format, Rounding, salt};

/// What the values and the gradient of a parameter are stored as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct NumberStorage {
    pub(crate) value: Dtype,
    pub(crate) gradient: Dtype,
    /// How values in bf16 are rounded.
    pub(crate) rounding: Rounding,
    /// Whether there are master values.
    pub(crate) master: bool,
}

impl NumberStorage {
    /// What the values are.
    pub(crate) fn values(&self) -> Format {
        self.value.format(false)
    }

    /// What the gradients are.
    pub(crate) fn gradients(&self) -> Format {
        self.gradient.format(false)
    }

    /// What the rounding of a parameter's values goes by: 0 for the nearest.
    pub(crate) fn salt(&self, param: &str) -> u32 {
        if self.value.is_drawn() { salt(self.rounding, param) } else { 0 }
    }

    /// Fails for what is no dtype of values or gradients, and for master values that nothing would be rounded from.
    pub(crate) fn check(&self, param: &str) -> Result<()> {
        let refused = |what: String| Err(Error::Conflict { what: format!("{param}: {what}") });
        for (role, dtype) in [("values", self.value), ("gradient", self.gradient)] {
            if dtype.format(false).has_scales() {
                return refused(format!("{role} in {dtype:?}: values and gradients can be F32, Bf16 or F16"));
            }
        }
        if self.master && self.value == Dtype::F32 {
            return refused(
                "master values are for values in Bf16 or F16, and these are F32; a bf16_copy is what they can be rounded to".into(),
            );
        }
        if self.master && self.rounding != Rounding::Nearest {
            return refused(
                "with master values nothing is lost, and values are rounded to the nearest; leave out the stochastic rounding".into(),
            );
        }
        Ok(())
    }

    /// Fails where an average would begin as the values are then.
    pub(crate) fn check_begins(&self, param: &str, average: &str) -> Result<()> {
        if self.value == Dtype::F32 {
            return Ok(());
        }
        let what = format!(
            "{param}: its average \"{average}\" would begin now, and its values are in {:?}; have averages from the beginning, with a later start",
            self.value
        );
        Err(Error::Conflict { what })
    }

    /// Fails where a rule keeps values in its state, or has values of its own to evaluate with: differences to values that were rounded would grow.
    pub(crate) fn check_rule(&self, param: &str, rule: &dyn AnyRule) -> Result<()> {
        if self.value == Dtype::F32 || self.master || !(rule.tracks_values() || rule.has_views()) {
            return Ok(());
        }
        let (rule, dtype) = (rule.name(), self.value);
        let what = format!(
            "{param}: values in {dtype:?} do not go with {rule}, whose state is of values in f32, without master values; set master"
        );
        Err(Error::Conflict { what })
    }
}
