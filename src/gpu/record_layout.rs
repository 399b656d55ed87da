//! Where each block, clip and parameter is in the step record, in words.

use crate::rule::{AnyRule, Layout as _};
use crate::step::ClipWords;
use crate::wgsl::{HEAD, entry_words};

/// Where everything is in the step record, in words. What is there stays there when more comes.
#[derive(Clone, Debug, Default)]
pub(crate) struct RecordLayout {
    /// Where each block's hyper-parameters are.
    pub(crate) hyper: Vec<u32>,
    /// Where each group's clip is.
    pub(crate) clips: Vec<u32>,
    /// Words in all.
    pub(crate) words: u64,
}

impl RecordLayout {
    /// Room for the hyper-parameters of one more block.
    pub(crate) fn push_block(&mut self, rule: &dyn AnyRule) {
        let at = self.push(rule.hyper_words().len() as u64);
        self.hyper.push(at);
    }

    /// Room for one more group's clip.
    pub(crate) fn push_clip(&mut self) {
        let at = self.push(ClipWords::<f32>::FIELDS.len() as u64);
        self.clips.push(at);
    }

    /// Room for one more parameter with so many averages; where it is.
    pub(crate) fn push_entry(&mut self, rule: &dyn AnyRule, averages: usize, is_tiled: bool) -> u32 {
        self.push(entry_words(rule, averages, is_tiled) as u64)
    }

    /// Room for the factors of this many units; where they are.
    pub(crate) fn push_factors(&mut self, units: u64) -> u32 {
        self.push(units)
    }

    /// Kernels load four words at once.
    fn push(&mut self, words: u64) -> u32 {
        let at = self.words.max(HEAD);
        self.words = at + words.next_multiple_of(4);
        at as u32
    }
}
