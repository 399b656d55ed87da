//! What has to hold where a parameter gets other rows, and where a state of some rows is scaled.

use super::{Lane, LaneRole, NumberStorage, StateStorage};
use crate::error::{Error, Result};
use crate::rule::{AnyRule, Extent};
use crate::storage::{BLOCK, Format};

/// Fails unless a parameter may get these rows, by an index of so many.
pub(crate) fn check_rows(param: &str, rule: &dyn AnyRule, [had, has]: [&[usize]; 2], indexed: u64) -> Result<()> {
    check_resized(param, rule, [had, has])?;
    if indexed != has[0] as u64 {
        return Err(Error::Conflict { what: format!("{param}: it gets {} rows, and the index has {indexed}", has[0]) });
    }
    Ok(())
}

/// Fails if more than the number of rows differs.
pub(crate) fn check_resized(param: &str, rule: &dyn AnyRule, [had, has]: [&[usize]; 2]) -> Result<()> {
    if had.is_empty() || has.len() != had.len() || has[1..] != had[1..] {
        let what = format!("{param}: it had the shape {had:?} and gets {has:?}; only the number of rows may change");
        return Err(Error::Conflict { what });
    }
    let of_axes = rule
        .active_states_for(had.len() >= 2)
        .into_iter()
        .map(|state| rule.states()[state])
        .find(|state| matches!(state.extent, Extent::Axes | Extent::Squares));
    if let Some(state) = of_axes {
        let (name, rule) = (state.name, rule.name());
        let what = format!("{param}: {rule} keeps \"{name}\" of all axes, which has no place for other rows; make another optimizer");
        return Err(Error::Conflict { what });
    }
    if !rule.has_rows_of(had) || !rule.has_rows_of(has) {
        let what = format!("{param}: {} counts it as a tensor of another shape, whose rows are not its own", rule.name());
        return Err(Error::Conflict { what });
    }
    Ok(())
}

/// How a parameter is stored whose rows come, go or move.
pub(crate) struct Stored {
    pub(crate) elements: u64,
    pub(crate) numbers: NumberStorage,
    pub(crate) states: StateStorage,
}

/// Fails unless the rows of a parameter can come, go and move as words: with these lanes, and as it is stored before and after.
pub(crate) fn check_words(param: &str, row: u64, lanes: &[Lane], [before, after]: [&Stored; 2]) -> Result<()> {
    let refused = |what: String| Err(Error::Conflict { what: format!("{param}: {what}") });
    let (had, has) = (&before.numbers, &after.numbers);
    if (had.value, had.master) != (has.value, has.master) {
        let with = |own: &NumberStorage| format!("{:?}{}", own.value, if own.master { " with master values" } else { "" });
        return refused(format!("its values are in {}, and were in {}; rows come, go and move where that stays", with(has), with(had)));
    }
    if before.states != after.states {
        let (had, has) = (before.elements, after.elements);
        return refused(format!(
            "with {has} elements its states are stored otherwise than with {had}, because of StateStorage::least; rows come, go and move where that stays"
        ));
    }
    let halves = has.values() != Format::F32;
    // Blocks go through all of a tensor, so that rows of whole blocks move with their scales, to the bit; others would be rounded again.
    if let Some(lane) = lanes.iter().find(|lane| lane.format.has_scales() && !row.is_multiple_of(BLOCK)) {
        let name = lane.name;
        return refused(format!(
            "its state \"{name}\" is in 8 bits, of which blocks of 256 elements share a scale, and a row has {row}; rows come, go and move where a row has a multiple of these, or states have 16 bits or f32"
        ));
    }
    if (halves || lanes.iter().any(|lane| lane.format != Format::F32)) && !row.is_multiple_of(2) {
        return refused(format!("two of its numbers share a word, and a row has {row}; rows come, go and move where that is even"));
    }
    if has.master {
        return refused(format!(
            "it has master values beside values in {:?}, and new rows would have none; rows come, go and move without them",
            has.value
        ));
    }
    match lanes.iter().find(|lane| lane.role == LaneRole::Average && lane.format != has.values()) {
        Some(lane) => refused(format!(
            "its average \"{}\" has {} bits and its values {}; where rows come, go and move, averages of new rows begin as their values and are stored alike",
            lane.name,
            lane.format.bits(),
            has.values().bits()
        )),
        None => Ok(()),
    }
}

/// Whether each row of a parameter, as its first dimension counts them, has numbers of this extent of its own. Those of the columns of a matrix are of all its
/// rows, and a vector is one row.
pub(crate) fn go_with_rows(extent: Extent, shape: &[usize]) -> bool {
    match extent {
        // A row of a tensor that comes, goes or moves has whole blocks.
        Extent::Elements | Extent::Blocks => true,
        Extent::Rows => shape.len() != 1,
        Extent::Columns => shape.len() != 2,
        Extent::Slices => !matches!(shape.len(), 1 | 2),
        Extent::Axes | Extent::Squares | Extent::Tensor | Extent::Group | Extent::All => false,
    }
}

/// Fails unless what is kept in this lane of a parameter can be multiplied by the factor in some rows.
pub(crate) fn check_scaled(param: &str, rule: &dyn AnyRule, shape: &[usize], lane: &Lane, factor: f64) -> Result<()> {
    let name = lane.name;
    let what = match lane.role {
        _ if lane.format != Format::F32 => format!("\"{name}\" is stored in {} bits, which scale_state does not scale", lane.format.bits()),
        _ if !factor.is_finite() => format!("the factor of the state \"{name}\" must be finite, got {factor:?}"),
        LaneRole::Average | LaneRole::Aside => format!("\"{name}\" holds values, which scale_state leaves as they are"),
        LaneRole::State if rule.values_in_state().contains(&name) => {
            format!("{} keeps values in \"{name}\", which scale_state leaves as they are", rule.name())
        }
        LaneRole::RowSteps if factor != 0.0 => format!("\"{name}\" counts whole steps; the factor must be 0, got {factor:?}"),
        LaneRole::RowSteps => return Ok(()),
        _ if !go_with_rows(lane.extent, shape) || (lane.extent != Extent::Elements && !rule.has_rows_of(shape)) => {
            format!("\"{name}\" has no numbers for single rows, with the shape {shape:?}")
        }
        _ => return Ok(()),
    };
    Err(Error::Conflict { what: format!("{param}: {what}") })
}
