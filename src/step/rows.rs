//! What has to hold where a parameter gets other rows, and where a state of some rows is scaled.

use super::{Lane, LaneRole};
use crate::error::{Error, Result};
use crate::rule::{AnyRule, Extent};

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
    if !rule.counts_as_it_is(had) || !rule.counts_as_it_is(has) {
        return conflict(format!("{} counts it as a tensor of another shape, whose rows are not its own", rule.name()));
    }
    match rule.tracks_values() {
        true => conflict(format!("{} keeps values in its state, and a new row would have none there", rule.name())),
        false => Ok(()),
    }
}

/// Whether each row of a parameter, as its first dimension counts them, has numbers of this extent of its own. Those of the columns of a matrix are of all its
/// rows, and a vector is one row.
pub(crate) fn go_with_rows(extent: Extent, shape: &[usize]) -> bool {
    match extent {
        Extent::Elements => true,
        Extent::Rows => shape.len() != 1,
        Extent::Columns => shape.len() != 2,
        Extent::Slices => !matches!(shape.len(), 1 | 2),
        Extent::Tensor | Extent::Group | Extent::All => false,
    }
}

/// Fails unless what is kept in this lane of a parameter can be multiplied by the factor in some rows.
pub(crate) fn check_scaled(param: &str, rule: &dyn AnyRule, shape: &[usize], lane: &Lane, factor: f64) -> Result<()> {
    let name = lane.name;
    let what = match lane.role {
        _ if !factor.is_finite() => format!("the factor of the state \"{name}\" must be finite, got {factor:?}"),
        LaneRole::Average | LaneRole::Aside => format!("\"{name}\" holds values, which scale_state leaves as they are"),
        LaneRole::State if rule.tracks_values() => format!("{} keeps values in its state, which scale_state leaves as it is", rule.name()),
        LaneRole::RowSteps if factor != 0.0 => format!("\"{name}\" counts whole steps; the factor must be 0, got {factor:?}"),
        LaneRole::RowSteps => return Ok(()),
        _ if !go_with_rows(lane.extent, shape) || (lane.extent != Extent::Elements && !rule.counts_as_it_is(shape)) => {
            format!("\"{name}\" has no numbers for single rows, with the shape {shape:?}")
        }
        _ => return Ok(()),
    };
    Err(Error::Conflict { what: format!("{param}: {what}") })
}
