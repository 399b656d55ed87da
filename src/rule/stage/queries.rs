//! What follows from a rule's stages: which run, which sums each forms, and which of these are kept.

use super::Stage;
#[cfg(feature = "testing")]
use crate::rule::Product;
use crate::rule::{AnyRule, Extent, SumField, SumForm};

/// Whether workgroups go tile by tile where there are numbers of this extent.
pub(super) fn is_of_tiles(extent: Extent) -> bool {
    !matches!(extent, Extent::Elements | Extent::Squares) && !extent.is_whole()
}

impl dyn AnyRule + '_ {
    /// The last stage over elements before a stage: its sums over rows and columns are what a stage over these reads.
    pub(crate) fn sums_from(&self, stage: usize, is_matrix: bool) -> Option<usize> {
        (0..stage).rfind(|&earlier| self.stages()[earlier].over == Extent::Elements && self.runs(earlier, is_matrix))
    }

    /// Names and extents of the states and the sums, in the order of the struct `State`.
    pub fn members(&self) -> impl Iterator<Item = (&'static str, Extent)> + use<> {
        let (states, sums) = (self.states(), self.sums());
        states.iter().map(|state| (state.name, state.extent)).chain(sums.iter().map(|sum| (sum.name, sum.extent)))
    }

    /// Whether a sum has to be kept: one over slices that any stage reads, or one over rows, columns or axes that a stage over elements reads.
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

    /// The sums that a stage forms of the rows of each tile, or of its columns: those over these, and then those over axes, which follow from both.
    pub(crate) fn formed_of(&self, stage: usize, is_matrix: bool, lines: Extent) -> Vec<&'static SumField> {
        let formed = |wanted: Extent| self.formed(stage, is_matrix, |own| own == wanted);
        [formed(lines), formed(Extent::Axes)].concat()
    }

    /// How many sums of rows, and of columns, a stage over elements forms at most.
    pub(crate) fn line_sums(&self, is_matrix: bool) -> [usize; 2] {
        let stages = (0..self.stages().len()).filter(|&stage| self.stages()[stage].over == Extent::Elements);
        let counts = stages.map(|stage| [Extent::Rows, Extent::Columns].map(|lines| self.formed_of(stage, is_matrix, lines).len()));
        counts.fold([0; 2], |most, own| [most[0].max(own[0]), most[1].max(own[1])])
    }

    /// Whether it works on a matrix, or on a tensor that is none, tile by tile: rows or columns are summed, or have numbers of their own.
    pub(crate) fn is_tiled(&self, is_matrix: bool) -> bool {
        self.members().any(|(name, extent)| is_of_tiles(extent) && self.uses_for(name, is_matrix))
    }

    /// Whether it does something else with matrices than with other tensors.
    pub(crate) fn tells_matrices(&self) -> bool {
        self.members().any(|(name, _)| self.uses_for(name, true) != self.uses_for(name, false))
    }

    /// Whether a large matrix counts as one ([`Rule::counts_as`](crate::rule::Rule::counts_as)).
    pub fn counts_matrices(&self) -> bool {
        // Most numbers of rows divide it.
        self.counts_as(&[5040, 5040]).is_ok_and(|counted| counted.len() >= 2)
    }

    /// Whether a matrix, or a tensor that counts as none, runs stages before the update.
    pub fn is_staged(&self, is_matrix: bool) -> bool {
        (0..self.stages().len()).any(|stage| self.runs_before_update(stage, is_matrix))
    }

    /// Whether it works on matrices by products: no part of one can do without the rest.
    pub fn orthogonalizes(&self) -> bool {
        self.stages().iter().any(|stage| stage.orthogonalizes.is_some())
    }

    /// Whether products with squares of axes read or write a state: these are of f32.
    pub(crate) fn multiplies(&self, state: &str) -> bool {
        self.stages().iter().any(|stage| stage.products.iter().any(|product| product.states().contains(&state)))
    }

    /// Whether it takes eigenvectors of squares of axes.
    #[cfg(feature = "testing")]
    pub(crate) fn takes_bases(&self) -> bool {
        self.stages().iter().any(|stage| stage.products.iter().any(|product| matches!(product, Product::Basis { .. })))
    }

    /// Whether it keeps square matrices of axes.
    pub fn keeps_squares(&self) -> bool {
        self.states().iter().any(|state| state.extent == Extent::Squares)
    }

    /// Whether a stage after one that orthogonalizes forms sums that are in use.
    #[cfg(feature = "testing")]
    pub(crate) fn sums_orthogonalized(&self) -> bool {
        let first = self.stages().iter().position(|stage| stage.orthogonalizes.is_some()).unwrap_or(self.stages().len());
        self.stages()[first..].iter().any(|stage| stage.sums.iter().any(|sum| self.uses(sum)))
    }

    /// Whether a tensor runs the stage of this number, and an update after it.
    pub(crate) fn runs_before_update(&self, stage: usize, is_matrix: bool) -> bool {
        stage + 1 < self.stages().len() && self.runs(stage, is_matrix)
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
