//! Whether the stages of a rule go together with its states and sums; messages say what does not.

use super::{EVERY, Stage};
use crate::rule::{AnyRule, Extent, Product, StateField, SumField, SumForm};

/// Whether stages run over these.
fn is_of_a_stage(extent: Extent) -> bool {
    matches!(extent, Extent::Elements | Extent::Rows | Extent::Columns | Extent::Axes)
}

/// Checks that stages can write a state of this extent.
pub(super) fn check_state(name: &str, extent: Extent) -> Result<(), String> {
    let wide = || format!("the state `{name}` is of {extent:?}; it may be of Elements, Rows, Columns, Axes or Squares");
    if is_of_a_stage(extent) || extent == Extent::Squares { Ok(()) } else { Err(wide()) }
}

/// Which stages form which sums.
const FORMS: &str = "stages over Elements form sums over Rows, Columns, Axes, Tensor, Group and All, stages over Rows form sums over Rows and Slices, those over Columns over Columns";

/// Sums over rows that one stage forms at most: a workgroup keeps a number of each for the vectors of a row of its tile, 64 of them in 8 KiB.
const MOST_ROW_SUMS: usize = 32;

/// Functions of the kernels that stages are in.
const TAKEN: [&str; 38] = [
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
    "finish_columns",
    "finish_tile",
    "add",
    "added",
    "add_to_row",
    "add_to_columns",
    "end_column",
    "end_turns",
    "end_band",
    "band_height",
    "sweep_band",
    "turn",
    "turns_at_once",
    "one_row",
    "rows_at_once",
    "place_of",
    "end_four",
    "end_rows",
    "added_to_row",
    "keep_row",
    "finish_rows",
    "keep_columns",
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
    /// Checks that the stages fit together.
    ///
    /// # Errors
    ///
    /// A message that says which stage, state or sum does not fit.
    pub fn check_stages(&self) -> Result<(), String> {
        let stages = self.stages();
        match stages.last() {
            Some(last) if last.name == "update" && last.over == Extent::Elements && last.sums.is_empty() && !last.resumes => {}
            _ => return Err("the last stage has to be `update`, over elements, without sums".into()),
        }
        self.check_names()?;
        let has = |name: &str| self.states().iter().any(|state| state.name == name && state.extent == Extent::Elements);
        if let Some(name) = self.values_in_state().iter().find(|name| !has(name)) {
            return Err(format!("`VALUES` has `{name}`, which is no state with a number for each element"));
        }
        self.states().iter().try_for_each(|state| check_state(state.name, state.extent))?;
        stages.iter().enumerate().try_for_each(|(index, stage)| {
            let message = |what: String| format!("stage `{}` {what}", stage.name);
            self.check_stage(index, stage).map_err(message)
        })?;
        let squares = self.states().iter().find(|state| state.extent == Extent::Squares);
        let others = self.members().find(|(_, extent)| super::queries::is_of_tiles(*extent));
        if let (Some(squares), Some((other, extent))) = (squares, others) {
            return Err(format!("`{}` is of Squares, beside which nothing may be of {extent:?}, as `{other}` is", squares.name));
        }
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
            return Err(format!("runs over {over:?}; it may run over Elements, Rows, Columns or Axes"));
        }
        if over != Extent::Elements && (stage.gradient || stage.value) {
            return Err(format!("runs over {over:?}, which have neither a gradient nor a value to read"));
        }
        let listed = |names: &'static [&'static str]| if names == EVERY { &[] } else { names }.iter().copied();
        listed(stage.reads).try_for_each(|name| self.check_read(index, stage, name))?;
        listed(stage.writes).try_for_each(|name| self.check_write(over, name))?;
        stage.sums.iter().try_for_each(|name| self.check_formed(index, over, name))?;
        let is_of_rows = |name: &&&str| self.sums().iter().any(|sum| sum.name == **name && sum.extent == Extent::Rows);
        let row_sums = stage.sums.iter().filter(is_of_rows).count();
        if over == Extent::Elements && row_sums > MOST_ROW_SUMS {
            return Err(format!("forms {row_sums} sums over Rows; a workgroup has room for {MOST_ROW_SUMS}"));
        }
        self.sums().iter().filter(|sum| stage.reads(sum.name)).try_for_each(|sum| self.check_line_sum(index, sum))?;
        if let Some(name) = stage.orthogonalizes {
            self.check_orthogonalized(index, name)?;
        }
        stage.products.iter().try_for_each(|product| self.check_product(index, product))?;
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

    fn check_write(&self, over: Extent, name: &str) -> Result<(), String> {
        let state = self.states().iter().find(|state| state.name == name);
        let state = state.ok_or_else(|| format!("writes `{name}`, which is no state"))?;
        if state.extent != over {
            return Err(format!("runs over {over:?} and writes `{name}`, which is kept of {:?}", state.extent));
        }
        Ok(())
    }

    fn check_orthogonalized(&self, index: usize, name: &str) -> Result<(), String> {
        let is_of_elements = |state: &StateField| state.name == name && state.extent == Extent::Elements;
        if !self.states().iter().any(is_of_elements) {
            return Err(format!("orthogonalizes `{name}`, which is no state with a number for each element"));
        }
        if index + 1 == self.stages().len() {
            return Err(format!("orthogonalizes `{name}`, and no stage follows"));
        }
        Ok(())
    }

    fn check_product(&self, index: usize, product: &Product) -> Result<(), String> {
        let of_elements = product.of_elements();
        for name in product.states() {
            let extent = if of_elements.contains(&name) { Extent::Elements } else { Extent::Squares };
            if !self.states().iter().any(|state| state.name == name && state.extent == extent) {
                return Err(format!("has a product with `{name}`, which is no state of {extent:?}"));
            }
        }
        let scalars = product.scalars().into_iter().chain(product.when());
        if let Some(name) = scalars.into_iter().find(|name| !self.scalar_fields().contains(name)) {
            return Err(format!("has a product with `{name}`, which is no scalar"));
        }
        if index + 1 == self.stages().len() {
            return Err("has products, and no stage follows".into());
        }
        Ok(())
    }

    fn check_formed(&self, index: usize, over: Extent, name: &str) -> Result<(), String> {
        let sum = self.sums().iter().find(|sum| sum.name == name).ok_or_else(|| format!("forms `{name}`, which is no sum"))?;
        let is_own = matches!(over, Extent::Rows | Extent::Columns) && sum.extent == over;
        if !is_own && !over.is_within(sum.extent) {
            return Err(format!("runs over {over:?} and forms `{name}` over {:?}, which is not wider", sum.extent));
        }
        if let Some(other) = self.stages()[..index].iter().find(|other| other.forms(name)) {
            return Err(format!("forms `{name}`, which `{}` has formed", other.name));
        }
        // Workgroups of a stage over elements add up tiles and chunks; one of a stage over rows has all rows of a slice.
        let can_form = match over {
            Extent::Elements => sum.extent != Extent::Slices,
            _ => is_own || (over, sum.extent) == (Extent::Rows, Extent::Slices),
        };
        if !can_form {
            return Err(format!("runs over {over:?} and forms `{name}` over {:?}; {FORMS}", sum.extent));
        }
        if is_own && sum.form != SumForm::Sum {
            return Err(format!("runs over {over:?} and forms `{name}`, a {:?} over these; of one number there is only Sum", sum.form));
        }
        // A stage reads the least of them, and of numbers that may be negative that says little.
        if sum.extent == Extent::Axes && !sum.form.is_largest() {
            return Err(format!("forms `{name}`, a {:?} over Axes; over these there is only Largest", sum.form));
        }
        Ok(())
    }

    /// Checks that the device has a sum over rows, columns or axes where a stage reads it: a stage over these reads what the last stage over
    /// elements has formed, and keeps it for the stages over elements after it.
    fn check_line_sum(&self, index: usize, sum: &SumField) -> Result<(), String> {
        let stages = self.stages();
        let Some(former) = (0..index).find(|&earlier| stages[earlier].forms(sum.name)) else { return Ok(()) };
        if !matches!(sum.extent, Extent::Rows | Extent::Columns | Extent::Axes) {
            return Ok(());
        }
        for is_matrix in [true, false].into_iter().filter(|&is_matrix| self.uses_for(sum.name, is_matrix) && self.runs(index, is_matrix)) {
            let last = self.sums_from(index, is_matrix);
            if stages[index].over == sum.extent && last != Some(former) {
                let last = last.map_or("none", |last| stages[last].name);
                let (name, former) = (sum.name, stages[former].name);
                return Err(format!("reads `{name}`, which `{former}` forms; the last stage over Elements before it is `{last}`"));
            }
            let keeps = |between: &Stage| between.over == sum.extent && (between.reads(sum.name) || between.forms(sum.name));
            if stages[index].over == Extent::Elements && !stages[former..index].iter().any(keeps) {
                let (name, extent) = (sum.name, sum.extent);
                return Err(format!("reads `{name}`, which no stage over {extent:?} has read before"));
            }
        }
        Ok(())
    }
}
