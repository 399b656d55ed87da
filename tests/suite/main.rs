//! The proof, rung by rung (docs/guide/proof.md): every row is a named test, most of them made from the list of rules.
//!
//! Rows that need an adapter show as ignored where there is none, and fail there with `REQUIRE_GPU=1`. `SUITE=numerics` chooses those that differ
//! from adapter to adapter.

mod batches;
mod checker;
mod checkpoints;
mod constants;
mod context;
mod docs;
mod emulated;
mod errors;
mod features;
mod fields;
#[path = "../../benches/step/files.rs"]
mod files;
mod kit;
mod known_answers;
mod lamb_ratio;
mod numbers;
mod order;
mod own_rule;
mod own_sum_rule;
mod parity;
mod plans;
mod products;
mod program;
mod random;
mod read;
mod row_masks;
mod rows_change;
mod scalars;
mod schedules;
mod sophia;
mod sparse;
mod stages;
mod storage;
mod subset;
mod torch_state;
mod traces;
mod views;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert_with(threads);
    let contexts = context::all();
    let mut trials: Vec<Trial> = Vec::new();
    trials.extend(context::trials(&contexts));
    trials.extend(plans::trials());
    trials.extend(docs::trials(&contexts));
    trials.extend(fields::trials());
    trials.extend(kit::trials());
    trials.extend(checker::trials());
    trials.extend(traces::trials(&contexts));
    trials.extend(torch_state::trials(&contexts));
    trials.extend(scalars::trials(&contexts));
    trials.extend(constants::trials(&contexts));
    trials.extend(schedules::trials(&contexts));
    trials.extend(emulated::trials());
    trials.extend(parity::trials(&contexts));
    trials.extend(order::trials(&contexts));
    trials.extend(views::trials(&contexts));
    trials.extend(sophia::trials(&contexts));
    trials.extend(stages::trials(&contexts));
    trials.extend(storage::trials(&contexts));
    trials.extend(numbers::trials(&contexts));
    trials.extend(program::trials(&contexts));
    trials.extend(lamb_ratio::trials(&contexts));
    trials.extend(features::trials(&contexts));
    trials.extend(checkpoints::trials(&contexts));
    trials.extend(row_masks::trials(&contexts));
    trials.extend(rows_change::trials(&contexts));
    trials.extend(own_rule::trials(&contexts));
    trials.extend(own_sum_rule::trials(&contexts));
    trials.extend(batches::trials(&contexts));
    trials.extend(sparse::trials(&contexts));
    trials.extend(products::trials(&contexts));
    trials.extend(errors::trials(&contexts));
    trials.extend(random::trials(&contexts));
    trials.retain(subset::wanted());
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Twice as many rows at a time as there are cores: llvmpipe compiles kernels when a device's queue comes to them, one after the other, so that two rows of one
/// device wait for each other.
fn threads() -> usize {
    2 * std::thread::available_parallelism().map_or(1, |cores| cores.get())
}
