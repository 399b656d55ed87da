//! What every plan promises: windows that can be bound, every element and every sum once, no page written twice.

use std::collections::HashMap;

use wgpu_optim::program::{Access, Bucket, Limits, Pair, ParamEntry, Place, Plan, Row, Tensor, Window};

pub(super) fn within(bucket: &Bucket, limits: &Limits) -> Result<(), String> {
    for window in bucket.windows.iter().copied().chain(bucket.state) {
        if window.size > limits.binding || window.offset % limits.alignment != 0 {
            return Err(format!("{window:?} under {limits:?}"));
        }
    }
    // WebGPU refuses a buffer that is read-only and writable in one dispatch, and writable bindings that overlap.
    let arrays: Vec<_> = bucket.kernel.arrays.iter().zip(&bucket.windows).collect();
    for (index, (array, window)) in arrays.iter().enumerate() {
        for (other, others) in &arrays[..index] {
            let apart = window.offset + window.size <= others.offset || others.offset + others.size <= window.offset;
            if window.buffer == others.buffer && (array.written != other.written || (array.written && !apart)) {
                return Err(format!("{array:?} at {window:?} beside {other:?} at {others:?}"));
            }
        }
    }
    // A single pair is bound in any case; where that is more than the device allows, it says so itself.
    let most = limits.arrays(3);
    if bucket.kernel.pairs.len() > 1 && arrays.len() > most {
        return Err(format!("{} arrays, at most {most}", arrays.len()));
    }
    let most = limits.workgroups * limits.workgroups;
    match bucket.rows.len() as u64 <= most {
        true => Ok(()),
        false => Err(format!("{} rows, at most {most}", bucket.rows.len())),
    }
}

pub(super) fn pages_are_written_once(buckets: &[Bucket]) -> Result<(), String> {
    let mut pages: Vec<usize> = buckets.iter().filter_map(|bucket| bucket.state).map(|window| window.buffer).collect();
    let count = pages.len();
    pages.sort_unstable();
    pages.dedup();
    if pages.len() == count { Ok(()) } else { Err(format!("{count} dispatches write {} pages", pages.len())) }
}

/// Every element of every tensor is in exactly one row, at its own place in all three windows.
pub(super) fn every_element_once(tensors: &[Tensor], buckets: &[Bucket]) -> Result<(), String> {
    let mut seen: HashMap<u32, Vec<(u64, u64)>> = HashMap::new();
    for bucket in buckets {
        for row in &bucket.rows {
            let entry = &bucket.entries[row.param as usize];
            let tensor = &tensors[entry.record as usize];
            let first = first_element(bucket, row, entry, tensor).ok_or_else(|| format!("{row:?} of {tensor:?} in {bucket:?}"))?;
            seen.entry(entry.record).or_default().push((first, first + u64::from(row.count)));
        }
    }
    for (index, tensor) in tensors.iter().enumerate() {
        let mut ranges = seen.remove(&(index as u32)).unwrap_or_default();
        ranges.sort_unstable();
        let end = ranges.iter().try_fold(0, |end, &(first, last)| (first == end).then_some(last));
        if end != Some(tensor.len) {
            return Err(format!("{tensor:?} is covered by {ranges:?}"));
        }
    }
    Ok(())
}

/// Rows with one sum, or with one for each unit, have every number of their bucket once, and buckets and tensors every number up to the last.
pub(super) fn every_sum_once(plan: &Plan, measured: bool) -> Result<(), String> {
    let mut numbers: Vec<u32> = Vec::new();
    for bucket in &plan.buckets {
        for row in &bucket.rows {
            // A plan of updates has one each, whatever its units.
            let length = bucket.entries[row.param as usize].unit_length;
            let units = if measured && bucket.kernel.kind.adaptive && length != 0 { row.count / length } else { 1 };
            numbers.extend((row.partial..row.partial + units).map(|number| bucket.sums.start + number));
        }
    }
    let mut of_tensors: Vec<u32> = plan.partials.iter().flatten().cloned().flatten().collect();
    of_tensors.sort_unstable();
    numbers.sort_unstable();
    let end = plan.buckets.last().map_or(0, |bucket| bucket.sums.end);
    match numbers.iter().copied().eq(0..end) && of_tensors == numbers {
        true => Ok(()),
        false => Err(format!("sums {numbers:?} of {end}")),
    }
}

/// The element of its tensor that a row begins with, if value, gradient, every lane and the scales agree on it, and all that it touches is bound.
fn first_element(bucket: &Bucket, row: &Row, entry: &ParamEntry, tensor: &Tensor) -> Option<u64> {
    let at = |first: u32| first.wrapping_add(row.element);
    let bytes = 4 * u64::from(row.count);
    let element = |window: Window, place: Place, at: u32, vectors: bool| {
        let end = 4 * u64::from(at) + bytes.next_multiple_of(if vectors { 16 } else { 4 });
        let absolute = window.offset + 4 * u64::from(at);
        let bound = window.buffer == place.buffer && end <= window.size && (!vectors || at.is_multiple_of(4));
        bound.then(|| (absolute - place.offset) / 4)
    };
    let Pair { values, gradients, scales, mask, .. } = *bucket.kernel.pairs.get(entry.pair as usize)?;
    let array = |index: usize, place, at| {
        let (window, array) = bucket.windows.get(index).zip(bucket.kernel.arrays.get(index))?;
        element(*window, place, at, array.access != Access::Scalar)
    };
    let gradient = array(gradients, tensor.gradient, at(entry.gradient))?;
    let mut firsts = vec![u64::from(row.element)];
    // A measurement without units reads no values.
    if bucket.kernel.arrays[values].values {
        firsts.push(array(values, tensor.value, at(entry.value))?);
    }
    if let Some(window) = bucket.state {
        let segment = tensor.state.iter().find(|segment| segment.elements.contains(&u64::from(row.element)))?;
        for lane in 0..segment.lanes {
            let at = at(entry.state) + lane as u32 * entry.stride;
            // Units that are not of whole vectors are measured from between those of the state.
            let vectors = !bucket.kernel.kind.adaptive || bucket.kernel.kind.whole_units;
            firsts.push(segment.elements.start + element(window, segment.lane(lane), at, vectors)?);
        }
    }
    if let (Some(scales), Some(scale)) = (scales, tensor.scale) {
        let window = bucket.windows[scales];
        for element in [row.element, row.element + row.count - 1] {
            let at = entry.scale.wrapping_add((element / entry.scale_length) % entry.scale_period);
            let expected = scale.place.offset + 4 * u64::from((element / scale.length) % scale.period);
            (window.offset + 4 * u64::from(at) == expected && 4 * u64::from(at) + 4 <= window.size).then_some(())?;
        }
    }
    if let (Some(words), Some(mask)) = (mask, tensor.mask) {
        let window = bucket.windows[words];
        for element in [row.element, row.element + row.count - 1] {
            let at = entry.mask.wrapping_add(element / entry.row_length);
            let expected = mask.place.offset + 4 * u64::from(element / mask.row_length);
            (window.offset + 4 * u64::from(at) == expected && 4 * u64::from(at) + 4 <= window.size).then_some(())?;
        }
    }
    firsts.iter().all(|&first| first == gradient).then_some(gradient)
}
