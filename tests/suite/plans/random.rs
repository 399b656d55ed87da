//! Plans for random models keep every promise, and so do the same plans once tensors have moved.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use wgpu_optim::program::{Bucket, Limits, Places, Purpose, Tensor, measures, plan, tables};

use super::draw::{draw, lay_out, moved, moves as any_moves};
use super::placed;
use super::promises::{every_element_once, every_sum_once, pages_are_written_once, within};
use crate::context::Outcome;

pub(super) fn models() -> Outcome {
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
pub(super) fn moves() -> Outcome {
    let config = Config { cases: 1000, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]));
    let stayed = std::cell::Cell::new([0, 0]);
    let outcome = runner.run(&(draw(), any_moves()), |(draw, moves)| {
        let (tensors, sets) = placed(lay_out(&draw), draw.lanes, &draw.limits);
        let elsewhere = moved(&tensors, &moves);
        let places: Vec<Places> = elsewhere.iter().map(Tensor::places).collect();
        let too_large = |needed| TestCaseError::fail(format!("{needed} bytes"));
        for purpose in [Purpose::Update, Purpose::Measure] {
            let planned = |tensors: &[Tensor]| match purpose {
                Purpose::Update => plan(tensors, &sets, &draw.limits),
                Purpose::Measure => measures(tensors, false, &draw.limits),
                Purpose::Table => tables(tensors, &sets, &draw.limits),
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

/// Whether every buffer can be bound as a whole.
fn whole_buffers(tensors: &[Tensor], limits: &Limits) -> bool {
    let places = tensors.iter().flat_map(|tensor| [tensor.value, tensor.gradient].map(|place| place.offset + 4 * (tensor.len + 4)));
    places.max().is_none_or(|end| end <= limits.binding)
}
