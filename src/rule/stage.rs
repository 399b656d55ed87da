//! The stages of a rule: what each reads, writes and adds up.

use super::{AnyRule, Extent, SumField, SumForm};

/// All states and sums, as a list of names.
pub const EVERY: &[&str] = &["*"];

/// One function of a rule that runs over all elements of a parameter, or over all its rows or columns. A rule has one, `update`, or several of which that
/// is the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// The function's name in WGSL.
    pub name: &'static str,
    /// What it runs over: elements, rows or columns.
    pub over: Extent,
    /// Whether it reads the gradient. Otherwise it is given 0.
    pub gradient: bool,
    /// Whether it reads the value. Otherwise it is given 0.
    pub value: bool,
    /// The states, and the sums of earlier stages, that it reads; [`EVERY`] for all of them. Others are 0.
    pub reads: &'static [&'static str],
    /// The states that it changes; [`EVERY`] for all of them. They have the extent of the stage.
    pub writes: &'static [&'static str],
    /// The sums that it forms. Each is 0 before the stage, which sets it to what the element, row or column adds.
    pub sums: &'static [&'static str],
    /// Whether new scalars follow from its sums, by [`super::Rule::resume`].
    pub resumes: bool,
}

impl Stage {
    /// The last stage: it reads all there is, and writes all states and the value.
    pub const UPDATE: Stage = Stage { reads: EVERY, writes: EVERY, ..Stage::new("update").reading(true, true) };

    /// A stage over elements that does nothing yet.
    pub const fn new(name: &'static str) -> Stage {
        Stage { name, over: Extent::Elements, gradient: false, value: false, reads: &[], writes: &[], sums: &[], resumes: false }
    }

    /// This stage, reading the gradient, the value, or both.
    pub const fn reading(self, gradient: bool, value: bool) -> Stage {
        Stage { gradient, value, ..self }
    }

    /// Whether it reads this state or sum.
    pub fn reads(&self, name: &str) -> bool {
        is_in(name, self.reads)
    }

    /// Whether it writes this state.
    pub fn writes(&self, name: &str) -> bool {
        is_in(name, self.writes)
    }

    /// Whether it forms this sum.
    pub fn forms(&self, name: &str) -> bool {
        self.sums.contains(&name)
    }
}

fn is_in(name: &str, names: &[&str]) -> bool {
    names == EVERY || names.contains(&name)
}

/// Whether stages run over these.
fn is_of_a_stage(extent: Extent) -> bool {
    matches!(extent, Extent::Elements | Extent::Rows | Extent::Columns)
}

/// Checks that stages can write a state of this extent.
fn check_state(name: &str, extent: Extent) -> Result<(), String> {
    let wide = || format!("the state `{name}` is of {extent:?}; it may be of Elements, Rows or Columns");
    if is_of_a_stage(extent) { Ok(()) } else { Err(wide()) }
}

/// Which stages form which sums.
const FORMS: &str = "stages over Elements form sums over Rows, Columns, Tensor, Group and All, stages over Rows form sums over Slices";

/// Functions of the kernels that stages are in.
const TAKEN: [&str; 24] = [
    "prepare",
    "evaluate",
    "main",
    "work",
    "stage",
    "sweep",
    "apply",
    "idle",
    "clear",
    "finish",
    "finish_rows",
    "finish_columns",
    "finish_tile",
    "add",
    "added",
    "add_to_row",
    "add_to_columns",
    "end_column",
    "tallies",
    "gather",
    "joined",
    "across",
    "within",
    "formed",
];

/// What the names of others begin with.
const TAKEN_PREFIXES: [&str; 4] = ["resume_", "load_", "store_", "of_"];

impl dyn AnyRule + '_ {
    /// Checks that the stages fit together; the message says what does not.
    pub fn check_stages(&self) -> Result<(), String> {
        let stages = self.stages();
        match stages.last() {
            Some(last) if last.name == "update" && last.over == Extent::Elements && last.sums.is_empty() && !last.resumes => {}
            _ => return Err("the last stage has to be `update`, over elements, without sums".into()),
        }
        self.check_names()?;
        self.states().iter().try_for_each(|state| check_state(state.name, state.extent))?;
        stages.iter().enumerate().try_for_each(|(index, stage)| {
            let message = |what: String| format!("stage `{}` {what}", stage.name);
            self.check_stage(index, stage).map_err(message)
        })?;
        let unformed = self.sums().iter().find(|sum| !stages.iter().any(|stage| stage.forms(sum.name)));
        unformed.map_or(Ok(()), |sum| Err(format!("no stage forms the sum `{}`", sum.name)))
    }

    fn check_names(&self) -> Result<(), String> {
        let stages: Vec<&str> = self.stages().iter().map(|stage| stage.name).collect();
        if let Some(twice) = (1..stages.len()).find(|&index| stages[..index].contains(&stages[index])) {
            return Err(format!("two stages are called `{}`", stages[twice]));
        }
        let taken = stages.into_iter().find(|name| TAKEN.contains(name) || TAKEN_PREFIXES.iter().any(|prefix| name.starts_with(prefix)));
        taken.map_or(Ok(()), |name| Err(format!("no stage may be called `{name}`, which is another function of the kernel")))
    }

    fn check_stage(&self, index: usize, stage: &Stage) -> Result<(), String> {
        let over = stage.over;
        if !is_of_a_stage(over) {
            return Err(format!("runs over {over:?}; it may run over Elements, Rows or Columns"));
        }
        if over != Extent::Elements && (stage.gradient || stage.value) {
            return Err(format!("runs over {over:?}, which have neither a gradient nor a value to read"));
        }
        let listed = |names: &'static [&'static str]| if names == EVERY { &[] } else { names }.iter().copied();
        for name in listed(stage.reads) {
            self.check_read(index, stage, name)?;
        }
        for name in listed(stage.writes) {
            let state = self.states().iter().find(|state| state.name == name);
            let state = state.ok_or_else(|| format!("writes `{name}`, which is no state"))?;
            if state.extent != over {
                return Err(format!("runs over {over:?} and writes `{name}`, which is kept of {:?}", state.extent));
            }
        }
        for name in stage.sums.iter().copied() {
            let sum = self.sums().iter().find(|sum| sum.name == name).ok_or_else(|| format!("forms `{name}`, which is no sum"))?;
            if !over.is_within(sum.extent) {
                return Err(format!("runs over {over:?} and forms `{name}` over {:?}, which is not wider", sum.extent));
            }
            if let Some(other) = self.stages()[..index].iter().find(|other| other.forms(name)) {
                return Err(format!("forms `{name}`, which `{}` has formed", other.name));
            }
            // Workgroups of a stage over elements add up tiles and chunks; one of a stage over rows has all rows of a slice.
            let can_form =
                if over == Extent::Elements { sum.extent != Extent::Slices } else { (over, sum.extent) == (Extent::Rows, Extent::Slices) };
            if !can_form {
                return Err(format!("runs over {over:?} and forms `{name}` over {:?}; {FORMS}", sum.extent));
            }
        }
        self.sums().iter().filter(|sum| stage.reads(sum.name)).try_for_each(|sum| self.check_line_sum(index, sum))?;
        let is_whole = |name: &&str| self.sums().iter().any(|sum| sum.name == *name && sum.extent.is_whole());
        match stage.resumes && !stage.sums.iter().any(is_whole) {
            true => Err("resumes without a sum over the tensor, the group or all".into()),
            false => Ok(()),
        }
    }

    fn check_read(&self, index: usize, stage: &Stage, name: &str) -> Result<(), String> {
        let known = self.members().find(|(known, _)| *known == name);
        let (_, extent) = known.ok_or_else(|| format!("reads `{name}`, which is neither a state nor a sum"))?;
        if extent != stage.over && !stage.over.is_within(extent) {
            return Err(format!("runs over {:?} and reads `{name}`, which there is for {extent:?}", stage.over));
        }
        let is_sum = self.sums().iter().any(|sum| sum.name == name);
        match is_sum && !self.stages()[..index].iter().any(|earlier| earlier.forms(name)) {
            true => Err(format!("reads the sum `{name}`, which no earlier stage forms")),
            false => Ok(()),
        }
    }

    /// Checks that the device has a sum over rows or columns where a stage reads it: a stage over these rows or columns reads what the last stage over
    /// elements has formed, and keeps it for the stages over elements after it.
    fn check_line_sum(&self, index: usize, sum: &SumField) -> Result<(), String> {
        let stages = self.stages();
        let Some(former) = (0..index).find(|&earlier| stages[earlier].forms(sum.name)) else { return Ok(()) };
        if !matches!(sum.extent, Extent::Rows | Extent::Columns) {
            return Ok(());
        }
        for is_matrix in [true, false].into_iter().filter(|&is_matrix| self.uses_for(sum.name, is_matrix) && self.runs(index, is_matrix)) {
            let last = self.sums_from(index, is_matrix);
            if stages[index].over == sum.extent && last != Some(former) {
                let last = last.map_or("none", |last| stages[last].name);
                let (name, former) = (sum.name, stages[former].name);
                return Err(format!("reads `{name}`, which `{former}` forms; the last stage over Elements before it is `{last}`"));
            }
            let keeps = |between: &Stage| between.over == sum.extent && between.reads(sum.name);
            if stages[index].over == Extent::Elements && !stages[former..index].iter().any(keeps) {
                let (name, extent) = (sum.name, sum.extent);
                return Err(format!("reads `{name}`, which no stage over {extent:?} has read before"));
            }
        }
        Ok(())
    }

    /// The last stage over elements before a stage: its sums over rows and columns are what a stage over these reads.
    pub(crate) fn sums_from(&self, stage: usize, is_matrix: bool) -> Option<usize> {
        (0..stage).rfind(|&earlier| self.stages()[earlier].over == Extent::Elements && self.runs(earlier, is_matrix))
    }

    /// Names and extents of the states and the sums, in the order of the struct `State`.
    pub fn members(&self) -> impl Iterator<Item = (&'static str, Extent)> + use<> {
        let (states, sums) = (self.states(), self.sums());
        states.iter().map(|state| (state.name, state.extent)).chain(sums.iter().map(|sum| (sum.name, sum.extent)))
    }

    /// Whether a sum has to be kept: one over slices that any stage reads, or one over rows or columns that a stage over elements reads.
    pub(crate) fn is_kept(&self, sum: &SumField, is_matrix: bool) -> bool {
        let has_read = |stage: &Stage| stage.over == Extent::Elements || sum.extent == Extent::Slices;
        let reads = |stage: &Stage| has_read(stage) && stage.reads(sum.name) && !stage.forms(sum.name);
        !sum.extent.is_whole() && self.uses_for(sum.name, is_matrix) && self.stages().iter().any(reads)
    }

    /// The sums of this extent that a stage forms, of those in use.
    pub(crate) fn formed(&self, stage: usize, is_matrix: bool, extent: impl Fn(Extent) -> bool) -> Vec<&'static SumField> {
        let stage = &self.stages()[stage];
        let is_formed = |sum: &&SumField| stage.forms(sum.name) && extent(sum.extent) && self.uses_for(sum.name, is_matrix);
        self.sums().iter().filter(is_formed).collect()
    }

    /// Whether a stage forms a mean over the group or over all, which depends on who is active.
    pub(crate) fn counts_items(&self, stage: usize) -> bool {
        let is_mean = |sum: &SumField| sum.form == SumForm::Mean && matches!(sum.extent, Extent::Group | Extent::All);
        self.sums().iter().any(|sum| self.stages()[stage].forms(sum.name) && is_mean(sum))
    }

    /// How many sums over rows, and over columns, a stage over elements forms at most.
    pub(crate) fn line_sums(&self, is_matrix: bool) -> [usize; 2] {
        let stages = (0..self.stages().len()).filter(|&stage| self.stages()[stage].over == Extent::Elements);
        let counts =
            stages.map(|stage| [Extent::Rows, Extent::Columns].map(|wanted| self.formed(stage, is_matrix, |own| own == wanted).len()));
        counts.fold([0; 2], |most, own| [most[0].max(own[0]), most[1].max(own[1])])
    }

    /// Whether it works on a matrix, or on a tensor that is none, tile by tile: rows or columns are summed, or have numbers of their own.
    pub(crate) fn is_tiled(&self, is_matrix: bool) -> bool {
        let is_wide = |extent: Extent| extent != Extent::Elements && !extent.is_whole();
        self.members().any(|(name, extent)| is_wide(extent) && self.uses_for(name, is_matrix))
    }

    /// Whether it does something else with matrices than with other tensors.
    pub(crate) fn tells_matrices(&self) -> bool {
        self.members().any(|(name, _)| self.uses_for(name, true) != self.uses_for(name, false))
    }

    /// Whether a stage has anything to do for a matrix, or for a tensor that is none: the last one, and each that writes a state or forms a sum that is in
    /// use there.
    pub fn runs(&self, stage: usize, is_matrix: bool) -> bool {
        let (stages, is_used) = (self.stages(), |name: &str| self.uses_for(name, is_matrix));
        let stage = &stages[stage];
        let writes = |name| stage.writes(name) || stage.forms(name);
        stage.name == "update" || self.members().any(|(name, _)| writes(name) && is_used(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::{HyperParameter, HyperParameters, NoScalars, Real, Rule};
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
    const CASES: [(&[Stage], &str); 27] = [
        (&[SQUARES, ROWS, UPDATE], ""),
        (&[], "the last stage has to be `update`, over elements, without sums"),
        (&[UPDATE, SQUARES], "the last stage has to be `update`, over elements, without sums"),
        (&[SQUARES, Stage { sums: &["means"], ..UPDATE }], "the last stage has to be `update`, over elements, without sums"),
        (&[SQUARES, UPDATE, UPDATE], "two stages are called `update`"),
        (&[Stage { name: "prepare", ..SQUARES }, UPDATE], "no stage may be called `prepare`, which is another function of the kernel"),
        (&[Stage { name: "resume_it", ..SQUARES }, UPDATE], "no stage may be called `resume_it`, which is another function of the kernel"),
        (
            &[SQUARES, Stage { over: Extent::Slices, ..ROWS }, UPDATE],
            "stage `rows` runs over Slices; it may run over Elements, Rows or Columns",
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
            "stage `rows` runs over Rows and forms `squares` over Rows, which is not wider",
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
            "stage `squares` runs over Elements and forms `means` over Slices; stages over Elements form sums over Rows, Columns, Tensor, Group and All, \
             stages over Rows form sums over Slices",
        ),
        (
            &[Stage { sums: &["squares"], resumes: false, ..SQUARES }, Stage { sums: &["total"], ..ROWS }, UPDATE],
            "stage `rows` runs over Rows and forms `total` over Tensor; stages over Elements form sums over Rows, Columns, Tensor, Group and All, \
             stages over Rows form sums over Slices",
        ),
        (
            &[SQUARES, Stage { over: Extent::Columns, reads: &[], writes: &[], ..ROWS }, UPDATE],
            "stage `rows` runs over Columns and forms `means` over Slices; stages over Elements form sums over Rows, Columns, Tensor, Group and All, \
             stages over Rows form sums over Slices",
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
        (
            &[
                SQUARES,
                ROWS,
                Stage { over: Extent::Columns, reads: &["means"], ..Stage::new("columns") },
                Stage { reads: &["m"], ..UPDATE },
            ],
            "",
        ),
    ];

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
        let said = all_said!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26);
        assert_eq!(said.len(), CASES.len());
        said.into_iter().for_each(|(got, expected)| assert_eq!(got, expected));
    }

    #[test]
    fn states_are_of_what_stages_run_over() {
        assert_eq!(check_state("m", Extent::Columns), Ok(()));
        assert_eq!(check_state("m", Extent::Slices), Err("the state `m` is of Slices; it may be of Elements, Rows or Columns".into()));
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
}
