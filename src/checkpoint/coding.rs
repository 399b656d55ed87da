//! How the lanes of a parameter lie in words, and as numbers of f32, which a checkpoint has of all of them.

use std::borrow::Cow;

use crate::step::{Lane, LaneRole};
use crate::storage::Format;

/// How one lane lies in words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Coding {
    pub(crate) format: Format,
    /// Which other lane has the scales of its blocks.
    pub(crate) scales: Option<usize>,
}

impl Coding {
    /// Of all of a parameter's.
    pub(crate) fn all(lanes: &[Lane]) -> Vec<Coding> {
        let scales = |lane: &Lane| lanes.iter().position(|other| other.role == LaneRole::Scale && other.name == lane.name);
        let coding = |lane: &Lane| Coding { format: lane.format, scales: scales(lane).filter(|_| lane.format.has_scales()) };
        lanes.iter().map(coding).collect()
    }
}

/// The numbers of lanes in these words, of which each has so many.
pub(crate) fn decoded(codings: &[Coding], words: &[Vec<u32>], elements: impl Fn(usize) -> usize) -> Vec<Vec<f32>> {
    let numbers = |lane: usize| {
        let scales = codings[lane].scales.map(|scales| Format::F32.decode(&words[scales], &[], words[scales].len()));
        codings[lane].format.decode(&words[lane], &scales.unwrap_or_default(), elements(lane))
    };
    (0..codings.len()).map(numbers).collect()
}

/// The words of lanes with these numbers. Scales that are not there are made of the numbers.
pub(crate) fn encoded(codings: &[Coding], numbers: &[Option<&[f32]>]) -> Vec<Vec<u32>> {
    let scales_of = |lane: usize| -> Cow<'_, [f32]> {
        let own = numbers[lane].unwrap_or_default();
        let given = codings[lane].scales.and_then(|scales| numbers[scales]);
        given.map_or_else(|| codings[lane].format.scales(own).into(), Cow::Borrowed)
    };
    let words = |lane: usize| match (numbers[lane], codings.iter().position(|coding| coding.scales == Some(lane))) {
        (None, Some(of)) => Format::F32.encode(&scales_of(of), &[]),
        (own, _) => codings[lane].format.encode(own.unwrap_or_default(), &scales_of(lane)),
    };
    (0..codings.len()).map(words).collect()
}
