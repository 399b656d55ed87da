//! The entries of row-sparse gradients: what appends them to lists, and what coalesces them.

use super::Parameter;
use crate::error::Result;
use crate::gpu::{Dispatch, Engine};
use crate::program::Pass;

/// The dispatches of each pass over entries.
pub(super) fn passes(engine: &Engine, parameters: &[Parameter]) -> Result<Vec<(Pass, Vec<Vec<Dispatch>>)>> {
    let record = &engine.record.buffer;
    let (mut appended, mut coalesced) = (Vec::new(), Vec::new());
    for (own, member) in parameters.iter().filter_map(|parameter| Some((parameter.sparse.as_ref()?, parameter.member))) {
        appended.push(own.append((record, member.record), false)?);
        let mut dispatches = own.append((record, member.record), true)?;
        dispatches.extend_from_slice(own.latest());
        coalesced.push(dispatches);
    }
    Ok(vec![(Pass::Append, side_by_side(&appended)), (Pass::Coalesce, side_by_side(&coalesced))])
}

/// The first dispatch of each parameter, the second, and so on.
fn side_by_side(all: &[Vec<Dispatch>]) -> Vec<Vec<Dispatch>> {
    let most = all.iter().map(Vec::len).max().unwrap_or_default();
    (0..most).map(|turn| all.iter().filter_map(|own| own.get(turn).cloned()).collect()).collect()
}
