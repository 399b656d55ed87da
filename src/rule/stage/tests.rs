//! Stages that go together, stages that do not, and what follows from them.

use super::check::check_state;
use super::{EVERY, Stage};
use crate::rule::{AnyRule, Extent, HyperParameter, HyperParameters, NoScalars, Real, Rule};
use crate::{layout, state};

layout! {
    /// Nothing.
    pub struct Hyper<F> { lr: F }
}
state! {
    /// One of each kind.
    pub struct State<F> { m = "m", row: Rows = "row" }
    sums { squares: Mean over Rows, means: Sum over Slices, total: Sum over Tensor }
}

const SQUARES: Stage = Stage { sums: &["squares", "total"], resumes: true, ..Stage::new("squares").reading(true, false) };
const ROWS: Stage = Stage { over: Extent::Rows, reads: &["squares", "row"], writes: &["row"], sums: &["means"], ..Stage::new("rows") };
const UPDATE: Stage = Stage { reads: &["row", "means"], writes: &["m"], ..Stage::UPDATE };

/// Stages and what is wrong with them.
const CASES: [(&[Stage], &str); 29] = [
    (&[SQUARES, ROWS, UPDATE], ""),
    (&[], "the last stage has to be `update`, over elements, without sums"),
    (&[UPDATE, SQUARES], "the last stage has to be `update`, over elements, without sums"),
    (&[SQUARES, Stage { sums: &["means"], ..UPDATE }], "the last stage has to be `update`, over elements, without sums"),
    (&[SQUARES, UPDATE, UPDATE], "two stages are called `update`"),
    (&[Stage { name: "prepare", ..SQUARES }, UPDATE], "no stage may be called `prepare`, which is another function of the kernel"),
    (&[Stage { name: "resume_it", ..SQUARES }, UPDATE], "no stage may be called `resume_it`, which is another function of the kernel"),
    (
        &[SQUARES, Stage { over: Extent::Slices, ..ROWS }, UPDATE],
        "stage `rows` runs over Slices; it may run over Elements, Rows, Columns or Axes",
    ),
    (&[SQUARES, ROWS.reading(true, false), UPDATE], "stage `rows` runs over Rows, which have neither a gradient nor a value to read"),
    (&[SQUARES, Stage { reads: &["rows"], ..ROWS }, UPDATE], "stage `rows` reads `rows`, which is neither a state nor a sum"),
    (&[SQUARES, Stage { reads: &["m"], ..ROWS }, UPDATE], "stage `rows` runs over Rows and reads `m`, which there is for Elements"),
    (&[ROWS, SQUARES, UPDATE], "stage `rows` reads the sum `squares`, which no earlier stage forms"),
    (&[SQUARES, Stage { writes: &["total"], ..ROWS }, UPDATE], "stage `rows` writes `total`, which is no state"),
    (&[SQUARES, Stage { writes: &["m"], ..ROWS }, UPDATE], "stage `rows` runs over Rows and writes `m`, which is kept of Elements"),
    (&[SQUARES, Stage { sums: &["m"], ..ROWS }, UPDATE], "stage `rows` forms `m`, which is no sum"),
    (
        &[Stage { over: Extent::Rows, sums: &["squares"], ..Stage::new("rows") }, UPDATE],
        "stage `rows` runs over Rows and forms `squares`, a Mean over these; of one number there is only Sum",
    ),
    (&[SQUARES, Stage { sums: &["total"], ..ROWS }, UPDATE], "stage `rows` forms `total`, which `squares` has formed"),
    (&[SQUARES, Stage { resumes: true, ..ROWS }, UPDATE], "stage `rows` resumes without a sum over the tensor, the group or all"),
    (&[SQUARES, Stage { sums: &[], ..ROWS }, Stage { reads: &[], ..UPDATE }], "no stage forms the sum `means`"),
    (
        &[SQUARES, Stage { writes: &["row"], ..Stage::new("late") }, UPDATE],
        "stage `late` runs over Elements and writes `row`, which is kept of Rows",
    ),
    (
        &[Stage { sums: &["means"], ..SQUARES }, UPDATE],
        "stage `squares` runs over Elements and forms `means` over Slices; stages over Elements form sums over Rows, Columns, Axes, Tensor, Group and All, \
         stages over Rows form sums over Rows and Slices, those over Columns over Columns",
    ),
    (
        &[Stage { sums: &["squares"], resumes: false, ..SQUARES }, Stage { sums: &["total"], ..ROWS }, UPDATE],
        "stage `rows` runs over Rows and forms `total` over Tensor; stages over Elements form sums over Rows, Columns, Axes, Tensor, Group and All, \
         stages over Rows form sums over Rows and Slices, those over Columns over Columns",
    ),
    (
        &[SQUARES, Stage { over: Extent::Columns, reads: &[], writes: &[], ..ROWS }, UPDATE],
        "stage `rows` runs over Columns and forms `means` over Slices; stages over Elements form sums over Rows, Columns, Axes, Tensor, Group and All, \
         stages over Rows form sums over Rows and Slices, those over Columns over Columns",
    ),
    (
        &[SQUARES, Stage { reads: &[], ..ROWS }, Stage { reads: EVERY, ..UPDATE }],
        "stage `update` reads `squares`, which no stage over Rows has read before",
    ),
    (
        &[SQUARES, Stage { reads: &["m"], writes: &["m"], ..Stage::new("late") }, ROWS, UPDATE],
        "stage `rows` reads `squares`, which `squares` forms; the last stage over Elements before it is `late`",
    ),
    // A stage that runs for no tensor with rows is not in between.
    (&[SQUARES, Stage { sums: &[], ..Stage::new("nothing") }, ROWS, UPDATE], ""),
    (&[SQUARES, ROWS, Stage { over: Extent::Columns, reads: &["means"], ..Stage::new("columns") }, Stage { reads: &["m"], ..UPDATE }], ""),
    (&[SQUARES, ROWS, UPDATE], "`VALUES` has `row`, which is no state with a number for each element"),
    (
        &[Stage { sums: &["squares"; 33], resumes: false, ..SQUARES }, ROWS, UPDATE],
        "stage `squares` forms 33 sums over Rows; a workgroup has room for 32",
    ),
];

/// The case whose rule has values in a state of rows.
const OF_ROWS: usize = 27;

/// The case whose sum over slices a stage over columns reads.
const KEPT: usize = 26;

/// A rule with the stages of a case.
#[derive(Clone, Debug, Default)]
struct Staged<const CASE: usize>;

impl<const CASE: usize> HyperParameters for Staged<CASE> {
    const PARAMETERS: &'static [HyperParameter] = &[];
    fn values(&self) -> Vec<f64> {
        Vec::new()
    }
    fn set(&mut self, _name: &str, _value: f64) -> bool {
        false
    }
}

impl<const CASE: usize> Rule for Staged<CASE> {
    const NAME: &'static str = "Staged";
    const FORMULA: &'static str = "";
    const WGSL: &'static str = "";
    const STAGES: &'static [Stage] = CASES[CASE].0;
    const VALUES: &'static [&'static str] = if CASE == OF_ROWS { &["row"] } else { &[] };
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = NoScalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        Hyper { lr: F::one() }
    }
    fn prepare<F: Real>(_h: &Hyper<F>, _step: F, last: &NoScalars<F>) -> NoScalars<F> {
        *last
    }
    fn update<F: Real>(_h: &Hyper<F>, _s: &NoScalars<F>, _gradient: F, _p: &mut F, _state: &mut State<F>) {}
    fn uses_for(&self, state_or_sum: &str, is_matrix: bool) -> bool {
        is_matrix || !["row", "means"].contains(&state_or_sum)
    }
    fn cases() -> Vec<(&'static str, Self)> {
        Vec::new()
    }
}

fn said<const CASE: usize>() -> (Result<(), String>, Result<(), String>) {
    let message = CASES[CASE].1.to_owned();
    let rule: Box<dyn AnyRule> = Staged::<CASE>.into();
    (rule.check_stages(), if message.is_empty() { Ok(()) } else { Err(message) })
}

macro_rules! all_said {
    ($($case:literal)+) => { [$(said::<$case>()),+] };
}

#[test]
fn stages_that_do_not_fit_are_told() {
    let said = all_said!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28);
    assert_eq!(said.len(), CASES.len());
    said.into_iter().for_each(|(got, expected)| assert_eq!(got, expected));
}

#[test]
fn states_are_of_what_stages_run_over() {
    assert_eq!(check_state("m", Extent::Columns), Ok(()));
    assert_eq!(
        check_state("m", Extent::Slices),
        Err("the state `m` is of Slices; it may be of Elements, Rows, Columns, Axes or Squares".into())
    );
}

#[test]
fn a_sum_over_slices_is_kept_for_a_stage_over_columns() {
    let rule: Box<dyn AnyRule> = Staged::<KEPT>.into();
    let means = rule.sums().iter().find(|sum| sum.name == "means").expect("a sum");
    assert_eq!(rule.check_stages(), Ok(()));
    assert!(rule.is_kept(means, true) && !rule.is_kept(means, false));
}

#[test]
fn members_are_the_states_and_then_the_sums() {
    let rule: Box<dyn AnyRule> = Staged::<0>.into();
    let members: Vec<_> = rule.members().collect();
    assert_eq!(members[..2], [("m", Extent::Elements), ("row", Extent::Rows)]);
    assert_eq!(members[2..], [("squares", Extent::Rows), ("means", Extent::Slices), ("total", Extent::Tensor)]);
}

#[test]
fn a_stage_without_anything_to_form_or_to_write_does_not_run() {
    let rule: Box<dyn AnyRule> = Staged::<0>.into();
    assert_eq!([0, 1, 2].map(|stage| rule.runs(stage, true)), [true; 3]);
    assert_eq!([0, 1, 2].map(|stage| rule.runs(stage, false)), [true, false, true]);
    assert_eq!((rule.active_states_for(true), rule.active_states_for(false)), (vec![0, 1], vec![0]));
    // The gradient twice, the value, the value and `m` written.
    assert_eq!(rule.bytes_per_parameter(), 20);
}
