//! Plans keep every promise about windows and rows, whatever tensors and limits they are made for: no GPU is needed to see it.

use std::collections::HashMap;

use libtest_mimic::Trial;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use wgpu_optim::program::{
    Access, Bucket, Division, Kind, Limits, Pair, ParamEntry, Place, Places, Plan, Purpose, Row, Scale, Sets, Tensor, Unit, Window,
    measures, plan,
};

use crate::context::Outcome;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("plans/random-models", random_models),
        Trial::test("plans/random-moves", random_moves),
        Trial::test("plans/a-model-is-one-bucket", a_model_is_one_bucket),
        Trial::test("plans/separate-tensors-share-dispatches", separate_tensors_share_dispatches),
        Trial::test("plans/other-buffers-leave-sets-as-they-are", other_buffers_leave_sets),
        Trial::test("plans/overlapping-gradients-beside-values", overlapping_gradients_beside_values),
        Trial::test("plans/bindings-of-256-bytes", || {
            let limits = |binding| Limits { binding, ..LIMITS };
            let fits = |limits: Limits| {
                let (tensors, sets) = placed(vec![tensor(0, 4096, (0, 4), (1, 4))], 0, &limits);
                plan(&tensors, &sets, &limits).is_ok() && measures(&tensors, false, &limits).is_ok()
            };
            assert!(fits(limits(4096)) && !fits(limits(256)));
            Ok(())
        }),
    ]
}

const LIMITS: Limits = Limits::DEFAULT;

fn tensor(index: u32, len: u64, value: (usize, u64), gradient: (usize, u64)) -> Tensor {
    let place = |(buffer, offset): (usize, u64)| Place { buffer, offset, room: 4 * len, whole: 0 };
    Tensor {
        len,
        group: 0,
        kind: Kind::default(),
        arrays: 5,
        zero_grad: false,
        value: place(value),
        gradient: place(gradient),
        state: Vec::new(),
        hyper: 0,
        record: index,
        member: index,
        scale: None,
        unit: None,
        tiles: None,
        tile_words: 0,
        lines: Default::default(),
    }
}

/// Finds sets, and room for so many lanes.
fn placed(mut tensors: Vec<Tensor>, lanes: usize, limits: &Limits) -> (Vec<Tensor>, Sets) {
    let mut sets = Sets::default();
    for tensor in &mut tensors {
        tensor.state = sets.place(lanes, tensor, !tensor.is_of_vectors(), limits);
    }
    (tensors, sets)
}

/// 10,000 padded tensors: one dispatch.
fn a_model_is_one_bucket() -> Outcome {
    let tensor = |index: u32| {
        let place = |buffer| Place { buffer, offset: u64::from(index) * 512, room: 512, whole: 0 };
        Tensor { value: place(0), gradient: place(1), ..tensor(index, 101, (0, 0), (1, 0)) }
    };
    let (tensors, sets) = placed((0..10_000).map(tensor).collect(), 2, &LIMITS);
    let Plan { buckets, .. } = plan(&tensors, &sets, &LIMITS).map_err(|needed| format!("{needed} bytes"))?;
    assert_eq!((buckets.len(), buckets[0].rows.len()), (1, 10_000));
    assert!(buckets[0].kernel.arrays.iter().all(|array| array.access == Access::Vector));
    Ok(())
}

/// Each tensor's values and gradients in a buffer of their own.
fn separate(lens: &[u64], arrays: usize) -> Vec<Tensor> {
    let one = |(index, &len): (usize, &u64)| Tensor { arrays, ..tensor(index as u32, len, (2 * index, 0), (2 * index + 1, 0)) };
    lens.iter().enumerate().map(one).collect()
}

/// As many pairs in a dispatch as can be bound, whatever their lengths, and no page is written by two dispatches; gradients that are only measured
/// share even fewer.
fn separate_tensors_share_dispatches() -> Outcome {
    let lens: Vec<u64> = (0..161).map(|index| 4 * (1 + index * index * 7 % 9001)).collect();
    for (buffers, dispatches, measurements) in [(8, 81, 33), (32, 12, 6), (10_000, 3, 2)] {
        let limits = Limits { buffers, ..LIMITS };
        let (tensors, sets) = placed(separate(&lens, limits.arrays(3)), 2, &limits);
        let plans = [plan(&tensors, &sets, &limits), measures(&tensors, false, &limits)];
        let counts = plans.into_iter().map(|plan| plan.map(|plan| plan.buckets.len()).map_err(|needed| format!("{needed} bytes")));
        assert_eq!(counts.collect::<Result<Vec<_>, _>>()?, [dispatches, measurements], "{buffers} storage buffers");
    }
    // A tensor that goes to its buffer's set does not close the last one to those that come after it.
    let limits = Limits { buffers: 8, ..LIMITS };
    let mut tensors = separate(&[4; 5], limits.arrays(3));
    let at = |place: Place, buffer, offset| Place { buffer, offset, ..place };
    (tensors[3].value, tensors[3].gradient) = (at(tensors[3].value, 0, 1024), at(tensors[3].gradient, 1, 1024));
    let (tensors, sets) = placed(tensors, 2, &limits);
    let Plan { buckets, .. } = plan(&tensors, &sets, &limits).map_err(|needed| format!("{needed} bytes"))?;
    assert_eq!(buckets.iter().map(|bucket| bucket.rows.len()).collect::<Vec<_>>(), [3, 2]);
    // Odd lengths, for which vectors cannot serve, are a set of their own.
    let lens: Vec<u64> = (0..40).map(|index| 4 + index % 2).collect();
    let limits = Limits { buffers: 32, ..LIMITS };
    let (tensors, sets) = placed(separate(&lens, limits.arrays(3)), 2, &limits);
    let Plan { buckets, .. } = plan(&tensors, &sets, &limits).map_err(|needed| format!("{needed} bytes"))?;
    assert_eq!(buckets.len(), 4);
    pages_are_written_once(&buckets)?;
    Ok(())
}

/// Gradients may overlap while they are only read; once values lie in their buffer, all of its arrays are written, and then they may not.
fn overlapping_gradients_beside_values() -> Outcome {
    let limits = Limits { binding: 64 << 10, buffers: 32, ..LIMITS };
    let tensors = vec![tensor(0, 10_240, (1, 0), (0, 0)), tensor(1, 12_288, (2, 0), (0, 30_720)), tensor(2, 4_096, (0, 131_072), (3, 0))];
    let tensors = tensors.into_iter().map(|tensor| Tensor { arrays: limits.arrays(3), ..tensor }).collect();
    let (tensors, sets) = placed(tensors, 0, &limits);
    let Plan { buckets, .. } = plan(&tensors, &sets, &limits).map_err(|needed| format!("{needed} bytes"))?;
    buckets.iter().try_for_each(|bucket| within(bucket, &limits))?;
    every_element_once(&tensors, &buckets)?;
    Ok(pages_are_written_once(&buckets)?)
}

fn pages_are_written_once(buckets: &[Bucket]) -> Result<(), String> {
    let mut pages: Vec<usize> = buckets.iter().filter_map(|bucket| bucket.state).map(|window| window.buffer).collect();
    let count = pages.len();
    pages.sort_unstable();
    pages.dedup();
    if pages.len() == count { Ok(()) } else { Err(format!("{count} dispatches write {} pages", pages.len())) }
}

/// Gradients move: the same dispatches over the same state.
fn other_buffers_leave_sets() -> Outcome {
    let limits = Limits { buffers: 32, ..LIMITS };
    let lens: Vec<u64> = (1..100).map(|index| 4 * index).collect();
    let (mut tensors, sets) = placed(separate(&lens, limits.arrays(3)), 2, &limits);
    let states = |tensors: &[Tensor]| -> Result<Vec<_>, String> {
        let plan = plan(tensors, &sets, &limits).map_err(|needed| format!("{needed} bytes"))?;
        pages_are_written_once(&plan.buckets)?;
        Ok(plan.buckets.into_iter().map(|bucket| (bucket.state, bucket.rows.len())).collect())
    };
    let before = states(&tensors)?;
    for tensor in &mut tensors {
        // All in one buffer now, and those of every third at an odd place.
        tensor.gradient =
            Place { buffer: 1000, offset: 4096 * u64::from(tensor.member) + 4 * u64::from(tensor.member % 3 / 2), ..tensor.gradient };
    }
    assert_eq!(states(&tensors)?, before);
    Ok(())
}

#[derive(Clone, Debug)]
struct Draw {
    limits: Limits,
    lens: Vec<u64>,
    gaps: Vec<u64>,
    gradients: u8,
    distance: u64,
    lanes: usize,
    /// Per tensor: not scaled, by element, by row or by column, in rows of so many elements; and clipped in units of so many.
    rows: Vec<u32>,
    scales: Vec<u8>,
    units: bool,
    zero_grad: bool,
}

fn draw() -> impl Strategy<Value = Draw> {
    let bindings = prop::sample::select(vec![40_000_u64, 64 << 10, 1 << 20]);
    let limits = (bindings, prop::sample::select(vec![16_u64, 32, 256]), 2..30_u64, 6..40_usize, any::<bool>());
    let limits = limits.prop_map(|(binding, alignment, workgroups, buffers, software)| {
        let division = if software { Division::SOFTWARE } else { Division::GPU };
        Limits { binding, alignment, workgroups, buffer: 200_000, buffers, workgroup: 256, division }
    });
    let lens = prop::collection::vec(prop_oneof![1..40_u64, 4090..4100_u64, 1..40_000_u64], 1..12);
    let gaps = prop::collection::vec(0..9_u64, 12);
    let rows = prop::collection::vec(prop_oneof![1..40_u32, 500..530_u32, 4000..9000_u32], 12);
    let more = (rows, prop::collection::vec(0..4_u8, 12), any::<bool>(), any::<bool>());
    (limits, lens, gaps, 0..4_u8, 0..40_000_u64, 0..4_usize, more).prop_map(|(limits, lens, gaps, gradients, distance, lanes, more)| {
        let (rows, scales, units, zero_grad) = more;
        Draw { limits, lens, gaps, gradients, distance, lanes, rows, scales, units, zero_grad }
    })
}

fn random_models() -> Outcome {
    let config = Config { cases: 1000, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[9; 32]));
    let outcome = runner.run(&draw(), |draw| {
        let (tensors, sets) = placed(lay_out(&draw), draw.lanes, &draw.limits);
        let too_large = |needed| TestCaseError::fail(format!("{needed} bytes"));
        let updates = plan(&tensors, &sets, &draw.limits).map_err(too_large)?;
        // As with accumulated gradients, where every tensor with units has its state in one part.
        let reads_state = draw.lanes > 0 && tensors.iter().all(|tensor| tensor.unit.is_none() || tensor.state.len() == 1);
        let mut plans = vec![(false, updates), (true, measures(&tensors, false, &draw.limits).map_err(too_large)?)];
        if reads_state {
            plans.push((true, measures(&tensors, true, &draw.limits).map_err(too_large)?));
        }
        for (measured, plan) in plans {
            plan.buckets.iter().try_for_each(|bucket| within(bucket, &draw.limits)).map_err(TestCaseError::fail)?;
            every_element_once(&tensors, &plan.buckets).map_err(TestCaseError::fail)?;
            every_sum_once(&plan, measured).map_err(TestCaseError::fail)?;
            let rows: usize = plan.buckets.iter().map(|bucket| bucket.rows.len()).sum();
            let dispatched = rows as u64 <= draw.limits.workgroups * draw.limits.workgroups;
            if !measured && dispatched && whole_buffers(&tensors, &draw.limits) {
                pages_are_written_once(&plan.buckets).map_err(TestCaseError::fail)?;
            }
        }
        Ok(())
    });
    outcome.map_err(|error| error.to_string().into())
}

/// Tensors of a plan go to other places: where the plan stays, every element is where it is now, and a plan for these places has the same arrays.
fn random_moves() -> Outcome {
    let config = Config { cases: 1000, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]));
    let stayed = std::cell::Cell::new([0, 0]);
    let outcome = runner.run(&(draw(), moves()), |(draw, moves)| {
        let (tensors, sets) = placed(lay_out(&draw), draw.lanes, &draw.limits);
        let elsewhere = moved(&tensors, &moves);
        let places: Vec<Places> = elsewhere.iter().map(Tensor::places).collect();
        let too_large = |needed| TestCaseError::fail(format!("{needed} bytes"));
        for purpose in [Purpose::Update, Purpose::Measure] {
            let planned = |tensors: &[Tensor]| match purpose {
                Purpose::Update => plan(tensors, &sets, &draw.limits),
                Purpose::Measure => measures(tensors, false, &draw.limits),
            };
            let buckets = planned(&tensors).map_err(too_large)?.buckets;
            let after = buckets.iter().map(|bucket| bucket.moved(&places, purpose, &draw.limits)).collect::<Option<Vec<_>>>();
            let [some, none] = stayed.get();
            stayed.set(if after.is_some() { [some + 1, none] } else { [some, none + 1] });
            let Some(after) = after else { continue };
            let moved = |(bucket, (windows, entries))| Bucket { windows, entries, ..bucket };
            let buckets: Vec<Bucket> = buckets.into_iter().zip(after).map(moved).collect();
            buckets.iter().try_for_each(|bucket| within(bucket, &draw.limits)).map_err(TestCaseError::fail)?;
            every_element_once(&elsewhere, &buckets).map_err(TestCaseError::fail)?;
            if whole_buffers(&tensors, &draw.limits) && whole_buffers(&elsewhere, &draw.limits) {
                let kernels = |buckets: &[Bucket]| buckets.iter().map(|bucket| bucket.kernel.clone()).collect::<Vec<_>>();
                assert_eq!(kernels(&buckets), kernels(&planned(&elsewhere).map_err(too_large)?.buckets));
            }
        }
        Ok(())
    });
    let [some, none] = stayed.get();
    assert!(some > 200 && none > 200, "the plan stayed {some} times, and {none} times it did not");
    outcome.map_err(|error| error.to_string().into())
}

/// By how many elements all values and all gradients move, whether to other buffers, how large these are known to be, and which tensor alone goes to a
/// buffer of its own.
#[derive(Clone, Debug)]
struct Moves {
    by: [u64; 2],
    buffers: [usize; 2],
    whole: u64,
    alone: usize,
}

fn moves() -> impl Strategy<Value = Moves> {
    let by = || prop_oneof![(0..50_u64).prop_map(|by| 4 * by), 0..200_u64];
    let buffers = prop::sample::select(vec![[0, 0], [100, 0], [0, 100], [100, 200], [100, 100]]);
    let whole = prop::sample::select(vec![0, 1 << 20, 8 << 20]);
    (by(), by(), buffers, whole, 0..24_usize).prop_map(|(value, gradient, buffers, whole, alone)| Moves {
        by: [value, gradient],
        buffers,
        whole,
        alone,
    })
}

fn moved(tensors: &[Tensor], moves: &Moves) -> Vec<Tensor> {
    let place = |index: usize, which: usize, place: Place| {
        let buffer = place.buffer + moves.buffers[which] + if moves.alone == 2 * index + which { 1000 } else { 0 };
        Place { buffer, offset: place.offset + 4 * moves.by[which], whole: moves.whole, ..place }
    };
    let one = |(index, tensor): (usize, &Tensor)| Tensor {
        value: place(index, 0, tensor.value),
        gradient: place(index, 1, tensor.gradient),
        ..tensor.clone()
    };
    tensors.iter().enumerate().map(one).collect()
}

/// Whether every buffer can be bound as a whole.
fn whole_buffers(tensors: &[Tensor], limits: &Limits) -> bool {
    let places = tensors.iter().flat_map(|tensor| [tensor.value, tensor.gradient].map(|place| place.offset + 4 * (tensor.len + 4)));
    places.max().is_none_or(|end| end <= limits.binding)
}

/// Gradients in another buffer (0), in turn with the values (1), after all of them (2), or all in buffers of their own (3).
fn lay_out(draw: &Draw) -> Vec<Tensor> {
    let (mut at, mut tensors) = (0, Vec::new());
    for (index, (&len, gap)) in draw.lens.iter().zip(&draw.gaps).enumerate() {
        let value = (0, at + 4 * gap);
        at = value.1 + 4 * len;
        let mut gradient = (1, value.1 + 4 * gap);
        if draw.gradients == 1 {
            gradient = (0, at);
            at += 4 * len;
        }
        let own = 10 + 2 * index;
        let (value, gradient) = if draw.gradients == 3 { ((own, 4 * gap), (own + 1, 4 * gap)) } else { (value, gradient) };
        // Whole rows.
        let row = draw.rows[index].min(len as u32);
        let len = len - len % u64::from(row);
        let own = tensor(index as u32, len, value, gradient);
        let scale = |length, period: u32| {
            Some(Scale { place: Place { buffer: 7, offset: 12, room: 4 * u64::from(period), whole: 0 }, length, period })
        };
        let scale = match draw.scales[index] {
            0 => None,
            1 => scale(1, len as u32),
            2 => scale(row, len as u32 / row),
            _ => scale(1, row),
        };
        let unit = draw.units.then_some(Unit { factors: 0, length: row });
        let whole_units = draw.units && row.is_multiple_of(4);
        let kind = Kind { scaled: scale.is_some(), adaptive: draw.units, whole_units, ..Kind::default() };
        tensors.push(Tensor { kind, arrays: draw.limits.arrays(3), zero_grad: draw.zero_grad, scale, unit, ..own });
    }
    if draw.gradients == 2 {
        let mut at = at + 4 * draw.distance;
        for tensor in &mut tensors {
            tensor.gradient = Place { buffer: 0, offset: at, ..tensor.gradient };
            at += 4 * tensor.len;
        }
    }
    tensors
}

fn within(bucket: &Bucket, limits: &Limits) -> Result<(), String> {
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

/// Every element of every tensor is in exactly one row, at its own place in all three windows.
fn every_element_once(tensors: &[Tensor], buckets: &[Bucket]) -> Result<(), String> {
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
fn every_sum_once(plan: &Plan, measured: bool) -> Result<(), String> {
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
    let Pair { values, gradients, scales } = *bucket.kernel.pairs.get(entry.pair as usize)?;
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
    firsts.iter().all(|&first| first == gradient).then_some(gradient)
}
