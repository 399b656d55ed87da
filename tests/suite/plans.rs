//! Plans keep every promise about windows and rows, whatever tensors and limits they are made for: no GPU is needed to see it.

use std::collections::HashMap;

use libtest_mimic::Trial;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use wgpu_optim::plan::{Access, Arena, Bucket, Gradients, Limits, Place, Row, Tensor, Window, buckets};

use crate::context::Outcome;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("plans/random-models", random_models),
        Trial::test("plans/a-model-is-one-bucket", a_model_is_one_bucket),
        Trial::test("plans/a-chunk-over-the-limit", || {
            let limits = Limits { binding: 4096, ..LIMITS };
            assert!(buckets(&[tensor(0, 4096, (0, 0), (1, 0), None)], &limits).is_err());
            Ok(())
        }),
    ]
}

const LIMITS: Limits = Limits { binding: 128 << 20, alignment: 256, workgroups: 65_535, buffer: 256 << 20 };

fn tensor(index: u32, len: u64, value: (usize, u64), gradient: (usize, u64), state: Option<Place>) -> Tensor {
    let place = |(buffer, offset): (usize, u64)| Place { buffer, offset, room: 4 * len };
    Tensor { len, variant: 0, value: place(value), gradient: place(gradient), state, hyper: 0, record: index }
}

/// 10,000 padded tensors: one dispatch.
fn a_model_is_one_bucket() -> Outcome {
    let mut arena = Arena::default();
    let tensors: Vec<Tensor> = (0..10_000_u32)
        .map(|index| {
            let offset = u64::from(index) * 512;
            let place = |buffer| Place { buffer, offset, room: 512 };
            let state = Some(arena.place(0, 101, &LIMITS));
            Tensor { value: place(0), gradient: place(1), ..tensor(index, 101, (0, 0), (1, 0), state) }
        })
        .collect();
    let buckets = buckets(&tensors, &LIMITS).map_err(|needed| format!("{needed} bytes"))?;
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
    state: bool,
}

fn draw() -> impl Strategy<Value = Draw> {
    let limits = (prop::sample::select(vec![40_000_u64, 64 << 10, 1 << 20]), prop::sample::select(vec![16_u64, 32, 256]), 2..30_u64);
    let limits = limits.prop_map(|(binding, alignment, workgroups)| Limits { binding, alignment, workgroups, buffer: 200_000 });
    let lens = prop::collection::vec(prop_oneof![1..40_u64, 4090..4100_u64, 1..40_000_u64], 1..12);
    let gaps = prop::collection::vec(0..9_u64, 12);
    (limits, lens, gaps, 0..3_u8, 0..40_000_u64, any::<bool>()).prop_map(|(limits, lens, gaps, gradients, distance, state)| Draw {
        limits,
        lens,
        gaps,
        gradients,
        distance,
        state,
    })
}

fn random_models() -> Outcome {
    let config = Config { cases: 1000, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[9; 32]));
    let outcome = runner.run(&draw(), |draw| {
        let tensors = lay_out(&draw);
        let buckets = buckets(&tensors, &draw.limits).map_err(|needed| TestCaseError::fail(format!("{needed} bytes")))?;
        buckets.iter().try_for_each(|bucket| within(bucket, &draw.limits)).map_err(TestCaseError::fail)?;
        every_element_once(&tensors, &buckets).map_err(TestCaseError::fail)
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
        let state = draw.state.then(|| arena.place(0, len, &draw.limits));
        tensors.push(tensor(index as u32, len, value, gradient, state));
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
    let windows = [Some(bucket.values), bucket.gradients, bucket.state];
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

/// The element of its tensor that a row begins with, if value, gradient and state agree on it, and all that it touches is bound.
fn first_element(bucket: &Bucket, row: &Row, tensor: &Tensor) -> Option<u64> {
    let bytes = 4 * u64::from(row.count);
    let element = |window: Window, place: Place, at: u32, granule: u64| {
        let (vector, end) = (bucket.kernel.access == Access::Vector, 4 * u64::from(at) + bytes.next_multiple_of(granule));
        let absolute = window.offset + 4 * u64::from(at);
        let bound = window.buffer == place.buffer && end <= window.size && (!vector || at.is_multiple_of(4));
        bound.then(|| (absolute - place.offset) / 4)
    };
    let granule = if bucket.kernel.access == Access::Vector { 16 } else { 4 };
    let first = element(bucket.values, tensor.value, row.value, granule)?;
    let gradient = element(bucket.gradients.unwrap_or(bucket.values), tensor.gradient, row.gradient, granule)?;
    let state = match (bucket.state, tensor.state) {
        (Some(window), Some(place)) => element(window, place, row.state, 16)?,
        _ => first,
    };
    (first == gradient && first == state).then_some(first)
}
