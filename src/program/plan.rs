//! The plans of updates and of measurements: which elements each workgroup takes.

use core::ops::Range;

use super::fill::{Fill, Part, Span};
use super::{CHUNK, Kind, Limits, Plan, Purpose, Sets, Tensor, Units, pieces};
use crate::storage::Format;

/// What a dispatch goes over: a set, with one kernel.
type Key = (usize, Kind);

/// The parts of each dispatch, in their order, and these by their keys.
fn by_dispatch<'a>(mut parts: Vec<(Key, Part<'a>)>) -> Vec<(Key, Vec<Part<'a>>)> {
    parts.sort_by_key(|(key, _)| *key);
    let mut dispatches: Vec<(Key, Vec<Part>)> = Vec::new();
    for (key, part) in parts {
        match dispatches.last_mut() {
            Some((last, parts)) if *last == key => parts.push(part),
            _ => dispatches.push((key, vec![part])),
        }
    }
    dispatches
}

/// The dispatches that change values: one for each set, if what it has bound fits. Fails with the bytes that one chunk would need if that is more than
/// can be bound.
pub fn plan(tensors: &[Tensor], sets: &Sets, limits: &Limits) -> Result<Plan, u64> {
    let mut parts = Vec::new();
    for (index, tensor) in tensors.iter().enumerate() {
        for segment in tensor.state.iter().filter(|segment| !segment.elements.is_empty()) {
            let part = Part { index, segment: Some(segment), elements: segment.elements.clone() };
            parts.push(((segment.set(), tensor.kind), part));
        }
    }
    let mut fill = Fill::new(tensors, limits, Purpose::Update);
    for ((set, kind), parts) in by_dispatch(parts) {
        let unit_length = |part: &Part| tensors[part.index].unit.unwrap_or_default().length;
        let rows = |part: &Part| {
            let tensor = &tensors[part.index];
            let listed = tensor.rows_of(&part.elements);
            let span = |elements, tile| Span { elements, sums: 1, unit_length: unit_length(part), tile, listed };
            match &tensor.tiles {
                Some(tiles) => tiles.of(part.elements.clone()).into_iter().map(|tile| span(tile.elements(tiles), Some(tile))).collect(),
                None => {
                    let elements = tensor.worked_on(part.elements.clone());
                    // A list is cut anywhere, whatever its table is.
                    let granule = if tensor.listed.is_some() { 1 } else { tensor.granule };
                    let most = (CHUNK / granule).max(1) * granule;
                    pieces(elements, most).map(|elements| span(elements, None)).collect()
                }
            }
        };
        fill.all(kind, sets.is_scalar(set), &parts, |tensor| tensor.arrays, rows)?;
    }
    Ok(fill.plan)
}

/// The dispatches over all rows of tables whose gradients are row-sparse: one for each set. Fails as [`plan`] does.
pub fn tables(tensors: &[Tensor], sets: &Sets, limits: &Limits) -> Result<Plan, u64> {
    let mut parts = Vec::new();
    for (index, tensor) in tensors.iter().enumerate().filter(|(_, tensor)| tensor.listed.is_some()) {
        for segment in tensor.state.iter().filter(|segment| !segment.elements.is_empty()) {
            let part = Part { index, segment: Some(segment), elements: segment.elements.clone() };
            parts.push(((segment.set(), tensor.kind), part));
        }
    }
    let mut fill = Fill::new(tensors, limits, Purpose::Table);
    for ((set, kind), parts) in by_dispatch(parts) {
        let rows = |part: &Part| {
            let span = |elements| Span { elements, sums: 1, unit_length: 0, tile: None, listed: 0 };
            pieces(part.elements.clone(), CHUNK).map(span).collect()
        };
        fill.all(kind, sets.is_scalar(set), &parts, |tensor| tensor.arrays, rows)?;
    }
    Ok(fill.plan)
}

/// The dispatches that measure gradients; they read the values of tensors with units only, and state only where gradients were accumulated. A dispatch
/// binds as many gradients as it may, whatever their sets, unless it reads state. Units are not cut where state is: a tensor with units, accumulated
/// gradients and several segments is refused beforehand.
pub fn measures(tensors: &[Tensor], accumulated: bool, limits: &Limits) -> Result<Plan, u64> {
    let mut parts = Vec::new();
    for (index, tensor) in tensors.iter().enumerate() {
        let whole_units = tensor.unit.is_some_and(|unit| unit.length.is_multiple_of(4));
        // Entries of micro-batches are one list, which is coalesced before.
        let accumulated = accumulated && tensor.listed.is_none();
        let Kind { adaptive, masked, listed, whole_rows, gradients, .. } = tensor.kind;
        let values = if adaptive { tensor.kind.values } else { Format::F32 };
        let kind = Kind { adaptive, whole_units, masked: masked || listed, listed, whole_rows, values, gradients, ..Kind::default() };
        // Where a lane of fewer bits lies depends on all others.
        let Kind { group, matrix, storage, mastered, .. } = tensor.kind;
        let kind = match accumulated && storage.accumulated.bits() < 32 {
            true => Kind { group, matrix, storage, mastered, values: tensor.kind.values, ..kind },
            false => kind,
        };
        if accumulated {
            for segment in tensor.state.iter().filter(|segment| !segment.elements.is_empty()) {
                let part = Part { index, segment: Some(segment), elements: segment.elements.clone() };
                parts.push(((segment.set(), kind), part));
            }
        } else if tensor.len > 0 {
            let elements = 0..tensor.gradients();
            parts.push(((0, kind), Part { index, segment: None, elements }));
        }
    }
    let most = limits.arrays(if accumulated { 5 } else { 3 });
    let mut fill = Fill::new(tensors, limits, Purpose::Measure);
    for ((_, kind), parts) in by_dispatch(parts) {
        let rows = |part: &Part| {
            let Some(unit) = tensors[part.index].unit else {
                let span = |elements| Span { elements, sums: 1, unit_length: 0, tile: None, listed: 0 };
                return pieces(part.elements.clone(), limits.measured()).map(span).collect();
            };
            let units = Units::new(tensors[part.index].gradients(), u64::from(unit.length), limits);
            let sums = |part: &Range<u64>| if units.long { 1 } else { ((part.end - part.start) / u64::from(unit.length)) as u32 };
            let length = if units.long { 0 } else { unit.length };
            units
                .parts
                .iter()
                .map(|part| Span { elements: part.clone(), sums: sums(part), unit_length: length, tile: None, listed: 0 })
                .collect()
        };
        // Rows of 4n elements start and end on vec4 boundaries.
        fill.all(kind, kind.adaptive && !kind.whole_units, &parts, |_| most, rows)?;
    }
    Ok(fill.plan)
}
