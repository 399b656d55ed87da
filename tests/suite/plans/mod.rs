//! Plans keep every promise about windows and rows, whatever tensors and limits they are made for: no GPU is needed to see it.

mod draw;
mod listed;
mod promises;
mod random;

use libtest_mimic::Trial;
use wgpu_optim::program::{Access, Kind, Limits, Place, Plan, Sets, Tensor, Widths, measures, plan};

use crate::context::Outcome;
use promises::{every_element_once, pages_are_written_once, within};

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("plans/random-models", random::models),
        Trial::test("plans/random-moves", random::moves),
        Trial::test("plans/a-model-is-one-bucket", a_model_is_one_bucket),
        Trial::test("plans/separate-tensors-share-dispatches", separate_tensors_share_dispatches),
        Trial::test("plans/other-buffers-leave-sets-as-they-are", other_buffers_leave_sets),
        Trial::test("plans/tables-are-cut-between-rows", listed::are_cut_between_rows),
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
    let place = |(buffer, offset): (usize, u64)| Place { buffer, offset, room: 4 * len, ..Place::default() };
    Tensor {
        len,
        room: len,
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
        mask: None,
        listed: None,
        copy: None,
        salt: 0,
        state_salt: 0,
        granule: 1,
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
        tensor.state = sets.place(&Widths { whole: lanes as u64, ..Widths::default() }, tensor, !tensor.is_of_vectors(), limits);
    }
    (tensors, sets)
}

/// 10,000 padded tensors: one dispatch.
fn a_model_is_one_bucket() -> Outcome {
    let tensor = |index: u32| {
        let place = |buffer| Place { buffer, offset: u64::from(index) * 512, room: 512, ..Place::default() };
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
