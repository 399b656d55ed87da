//! Plans keep every promise about windows and rows, whatever tensors and limits they are made for: no GPU is needed to see it.

use std::collections::HashMap;

use libtest_mimic::Trial;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use wgpu_optim::plan::{Access, Arena, Bucket, Gradients, Limits, Place, Plan, Row, Scale, Segment, Tensor, Unit, Window, measures, plan};

use crate::context::Outcome;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("plans/random-models", random_models),
        Trial::test("plans/a-model-is-one-bucket", a_model_is_one_bucket),
        Trial::test("plans/a-chunk-over-the-limit", || {
            let limits = Limits { binding: 4096, ..LIMITS };
            assert!(plan(&[tensor(0, 4096, (0, 0), (1, 0), Vec::new())], &limits).is_err());
            Ok(())
        }),
    ]
}

const LIMITS: Limits = Limits { binding: 128 << 20, alignment: 256, workgroups: 65_535, buffer: 256 << 20, software: false };

fn tensor(index: u32, len: u64, value: (usize, u64), gradient: (usize, u64), state: Vec<Segment>) -> Tensor {
    let place = |(buffer, offset): (usize, u64)| Place { buffer, offset, room: 4 * len };
    let (value, gradient) = (place(value), place(gradient));
    Tensor { len, variant: 0, value, gradient, state, hyper: 0, record: index, member: index, scale: None, unit: None }
}

/// 10,000 padded tensors: one dispatch.
fn a_model_is_one_bucket() -> Outcome {
    let mut arena = Arena::default();
    let tensors: Vec<Tensor> = (0..10_000_u32)
        .map(|index| {
            let offset = u64::from(index) * 512;
            let place = |buffer| Place { buffer, offset, room: 512 };
            let state = arena.place(2, 101, &LIMITS);
            Tensor { value: place(0), gradient: place(1), ..tensor(index, 101, (0, 0), (1, 0), state) }
        })
        .collect();
    let Plan { buckets, .. } = plan(&tensors, &LIMITS).map_err(|needed| format!("{needed} bytes"))?;
    assert_eq!((buckets.len(), buckets[0].rows.len(), buckets[0].kernel.access), (1, 10_000, Access::Vector));
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
}

fn draw() -> impl Strategy<Value = Draw> {
    let limits = (prop::sample::select(vec![40_000_u64, 64 << 10, 1 << 20]), prop::sample::select(vec![16_u64, 32, 256]), 2..30_u64);
    let limits =
        limits.prop_map(|(binding, alignment, workgroups)| Limits { binding, alignment, workgroups, buffer: 200_000, software: false });
    let lens = prop::collection::vec(prop_oneof![1..40_u64, 4090..4100_u64, 1..40_000_u64], 1..12);
    let gaps = prop::collection::vec(0..9_u64, 12);
    let rows = prop::collection::vec(prop_oneof![1..40_u32, 500..530_u32, 4000..9000_u32], 12);
    let more = (rows, prop::collection::vec(0..4_u8, 12), any::<bool>());
    (limits, lens, gaps, 0..3_u8, 0..40_000_u64, 0..4_usize, more).prop_map(|(limits, lens, gaps, gradients, distance, lanes, more)| {
        let (rows, scales, units) = more;
        Draw { limits, lens, gaps, gradients, distance, lanes, rows, scales, units }
    })
}

fn random_models() -> Outcome {
    let config = Config { cases: 1000, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[9; 32]));
    let outcome = runner.run(&draw(), |draw| {
        let tensors = lay_out(&draw);
        let too_large = |needed| TestCaseError::fail(format!("{needed} bytes"));
        let updates = plan(&tensors, &draw.limits).map_err(too_large)?;
        let measures = measures(&tensors, false, &draw.limits).map_err(too_large)?;
        for (measured, plan) in [(false, updates), (true, measures)] {
            plan.buckets.iter().try_for_each(|bucket| within(bucket, &draw.limits)).map_err(TestCaseError::fail)?;
            every_element_once(&tensors, &plan.buckets).map_err(TestCaseError::fail)?;
            every_sum_once(&plan, measured).map_err(TestCaseError::fail)?;
        }
        Ok(())
    });
    outcome.map_err(|error| error.to_string().into())
}

/// Gradients in another buffer (0), in turn with the values (1), or after all of them (2).
fn lay_out(draw: &Draw) -> Vec<Tensor> {
    let mut arena = Arena::default();
    let (mut at, mut tensors) = (0, Vec::new());
    for (index, (&len, gap)) in draw.lens.iter().zip(&draw.gaps).enumerate() {
        let value = (0, at + 4 * gap);
        at = value.1 + 4 * len;
        let mut gradient = (1, value.1 + 4 * gap);
        if draw.gradients == 1 {
            gradient = (0, at);
            at += 4 * len;
        }
        // Whole rows.
        let row = draw.rows[index].min(len as u32);
        let len = len - len % u64::from(row);
        let own = tensor(index as u32, len, value, gradient, arena.place(draw.lanes, len, &draw.limits));
        let scale =
            |length, period: u32| Some(Scale { place: Place { buffer: 7, offset: 12, room: 4 * u64::from(period) }, length, period });
        let scale = match draw.scales[index] {
            0 => None,
            1 => scale(1, len as u32),
            2 => scale(row, len as u32 / row),
            _ => scale(1, row),
        };
        tensors.push(Tensor { scale, unit: draw.units.then_some(Unit { factors: 0, length: row }), ..own });
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
    let windows = [Some(bucket.values), bucket.gradients, bucket.state, bucket.scale];
    for window in windows.into_iter().flatten() {
        if window.size > limits.binding || window.offset % limits.alignment != 0 {
            return Err(format!("{window:?} under {limits:?}"));
        }
    }
    let apart = |a: Window, b: Window| a.offset + a.size <= b.offset || b.offset + b.size <= a.offset;
    match (bucket.kernel.gradients, bucket.gradients) {
        (Gradients::Shared, None) | (Gradients::Apart, Some(_)) => {}
        (Gradients::Far, Some(gradients)) if apart(bucket.values, gradients) => {}
        other => return Err(format!("{other:?} with values {:?}", bucket.values)),
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
            let tensor = &tensors[row.record as usize];
            let first = first_element(bucket, row, tensor).ok_or_else(|| format!("{row:?} of {tensor:?} in {bucket:?}"))?;
            seen.entry(row.record).or_default().push((first, first + u64::from(row.count)));
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

/// Rows with one sum, or with one for each unit, have every number up to the last one once.
fn every_sum_once(plan: &Plan, measured: bool) -> Result<(), String> {
    let rows = plan.buckets.iter().flat_map(|bucket| bucket.rows.iter().map(move |row| (bucket.kernel.adaptive, row)));
    let sums = |(adaptive, row): (bool, &Row)| {
        // A plan of updates has one each, whatever its units.
        let units = if measured && adaptive && row.unit_length != 0 { row.count / row.unit_length } else { 1 };
        row.partial..row.partial + units
    };
    let mut numbers: Vec<u32> = rows.flat_map(sums).collect();
    numbers.sort_unstable();
    let end = plan.partials.iter().map(|range| range.end).max().unwrap_or_default();
    match numbers.iter().copied().eq(0..end) {
        true => Ok(()),
        false => Err(format!("sums {numbers:?} of {end}")),
    }
}

/// The element of its tensor that a row begins with, if value, gradient, every lane and the scales agree on it, and all that it touches is bound.
fn first_element(bucket: &Bucket, row: &Row, tensor: &Tensor) -> Option<u64> {
    let bytes = 4 * u64::from(row.count);
    let vector = bucket.kernel.access == Access::Vector;
    let element = |window: Window, place: Place, at: u32, granule: u64| {
        let end = 4 * u64::from(at) + bytes.next_multiple_of(granule);
        let absolute = window.offset + 4 * u64::from(at);
        let bound = window.buffer == place.buffer && end <= window.size && (!vector || at.is_multiple_of(4));
        bound.then(|| (absolute - place.offset) / 4)
    };
    let granule = if vector { 16 } else { 4 };
    let gradient = element(bucket.gradients.unwrap_or(bucket.values), tensor.gradient, row.gradient, granule)?;
    let mut firsts = vec![u64::from(row.element)];
    // A measurement without units reads no values.
    if bucket.values.buffer == tensor.value.buffer && bucket.gradients != Some(bucket.values) {
        firsts.push(element(bucket.values, tensor.value, row.value, granule)?);
    }
    if let Some(window) = bucket.state {
        let segment = tensor.state.iter().find(|segment| segment.elements.contains(&u64::from(row.element)))?;
        for lane in 0..segment.lanes {
            let at = row.state + lane as u32 * row.stride;
            firsts.push(segment.elements.start + element(window, segment.lane(lane), at, 16)?);
        }
    }
    if let (Some(window), Some(scale)) = (bucket.scale, tensor.scale) {
        for element in [row.element, row.element + row.count - 1] {
            let at = row.scale.wrapping_add((element / row.scale_length) % row.scale_period);
            let expected = scale.place.offset + 4 * u64::from((element / scale.length) % scale.period);
            (window.offset + 4 * u64::from(at) == expected && 4 * u64::from(at) + 4 <= window.size).then_some(())?;
        }
    }
    firsts.iter().all(|&first| first == gradient).then_some(gradient)
}
