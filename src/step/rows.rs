//! What has to hold where a parameter gets other rows.

use crate::error::{Error, Result};
use crate::rule::AnyRule;

/// Fails unless a parameter that had one shape and gets another differs in its rows alone, of which the index has as many, and its rule keeps nothing that
/// new rows would lack.
pub(crate) fn check_rows(param: &str, rule: &dyn AnyRule, [had, has]: [&[usize]; 2], indexed: u64) -> Result<()> {
    let conflict = |what: String| Err(Error::Conflict { what: format!("{param}: {what}") });
    if had.is_empty() || has.len() != had.len() || has[1..] != had[1..] {
        return conflict(format!("it had the shape {had:?} and gets {has:?}; only the number of rows may change"));
    }
    if indexed != has[0] as u64 {
        return conflict(format!("it gets {} rows, and the index has {indexed}", has[0]));
    }
    match rule.tracks_values() {
        true => conflict(format!("{} keeps values in its state, and a new row would have none there", rule.name())),
        false => Ok(()),
    }
}
