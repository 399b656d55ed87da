//! Fills buckets with rows, as few buckets as the limits allow.

use core::ops::Range;

use super::arrays::{Arrays, Bytes, Touch, Use, touches};
use crate::rule::Extent;

use super::{Bucket, Kernel, Kind, Limits, Owner, Pair, ParamEntry, Plan, Purpose, Row, Segment, Tensor, Tile};

/// Consecutive elements of a tensor.
pub(super) struct Part<'a> {
    pub(super) index: usize,
    /// The state, if it is bound.
    pub(super) segment: Option<&'a Segment>,
    pub(super) elements: Range<u64>,
}

/// What a row has. Those of one part have units of one length.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) elements: Range<u64>,
    /// How many sums it has.
    pub(super) sums: u32,
    /// Its units' length.
    pub(super) unit_length: u32,
    /// The tile, whose elements lie among these.
    pub(super) tile: Option<Tile>,
    /// Rows of the table that its part has, where rows are listed.
    pub(super) listed: u32,
}

/// Rows of one tensor whose arrays are not known to their ends yet.
#[derive(Debug)]
struct OpenRows {
    index: usize,
    pair: Pair,
    /// What of its parameter's entry does not depend on arrays; the state is from the start of the page.
    entry: ParamEntry,
    spans: Vec<Span>,
}

/// A plan that is being filled.
pub(super) struct Fill<'a> {
    tensors: &'a [Tensor],
    limits: &'a Limits,
    purpose: Purpose,
    pub(super) plan: Plan,
    sums: u32,
}

/// A bucket that is being filled.
struct Open {
    kind: Kind,
    /// Whether all arrays are accessed element by element.
    scalar: bool,
    arrays: Arrays,
    state: Option<Bytes>,
    pieces: Vec<OpenRows>,
    rows: usize,
}

impl Open {
    fn new(kind: Kind, scalar: bool) -> Self {
        Open { kind, scalar, arrays: Arrays::default(), state: None, pieces: Vec::new(), rows: 0 }
    }

    /// What is bound with these elements, in so many rows, besides, and the pair that has them; `None` if it is more than can be bound or dispatched.
    fn with(
        &self,
        fill: &Fill<'_>,
        part: &Part<'_>,
        (elements, rows): (&Range<u64>, usize),
        most: usize,
    ) -> Option<(Arrays, Option<Bytes>, Pair)> {
        let limits = fill.limits;
        if (self.rows + rows) as u64 > limits.workgroups.saturating_mul(limits.workgroups) {
            return None;
        }
        let tensor = &fill.tensors[part.index];
        // Of a tensor whose rows are listed, all.
        let held = if tensor.listed.is_some() { &part.elements } else { elements };
        let touches = touches(&tensor.places(), tensor.kind.adaptive, held, fill.purpose).into_iter().flatten();
        let touches: Vec<Touch> = touches.map(|touch| Touch { vectors: touch.vectors && !self.scalar, ..touch }).collect();
        let (arrays, numbers) = self.arrays.with(&touches, most, limits)?;
        let own = part.segment.filter(|segment| segment.lanes > 0).map(|segment| lanes(segment, held));
        let state = match (self.state, own) {
            (Some(window), Some(own)) => Some(window.hull(own, limits)),
            (window, own) => own.map(|own| own.hull(own, limits)).or(window),
        };
        if state.is_some_and(|window| window.len() > limits.binding) {
            return None;
        }
        let number = |is| touches.iter().zip(&numbers).find(|(touch, _)| touch.is == is).map(|(_, &number)| number);
        let gradients = number(Use::Gradients).unwrap_or_default();
        let (scales, mask, copy) = (number(Use::Scales), number(Use::Mask), number(Use::Copy));
        let pair = Pair { values: number(Use::Values).unwrap_or(gradients), gradients, scales, mask, copy };
        Some((arrays, state, pair))
    }

    /// The entry of a piece's parameter.
    fn entry(&self, piece: &OpenRows, tensor: &Tensor, pairs: &[Pair]) -> ParamEntry {
        let pair = piece.pair;
        let (scale, mask) = (tensor.scale.zip(pair.scales), tensor.mask.zip(pair.mask));
        // From the page's start to the window's; pages are at most 4 GiB.
        let state = self.state.map_or(0, |window| piece.entry.state.wrapping_sub((window.start / 4) as u32));
        ParamEntry {
            value: self.arrays.element(pair.values, tensor.value),
            gradient: self.arrays.element(pair.gradients, tensor.gradient),
            state,
            pair: pairs.binary_search(&pair).unwrap_or_default() as u32,
            scale: scale.map_or(0, |(scale, array)| self.arrays.element(array, scale.place)),
            mask: mask.map_or(0, |(mask, array)| self.arrays.element(array, mask.place)),
            copy: tensor.copy.zip(pair.copy).map_or(0, |(copy, array)| self.arrays.element(array, copy)),
            ..piece.entry
        }
    }
}

impl Open {
    /// Takes these rows of a part.
    fn push(&mut self, part: &Part<'_>, tensor: &Tensor, pair: Pair, spans: Vec<Span>) {
        self.rows += spans.len();
        let (scale, unit) = (tensor.scale.unwrap_or_default(), tensor.unit.unwrap_or_default());
        // Where the tensor's first element would be.
        let state = |segment: &Segment| (segment.place.offset / 4).wrapping_sub(segment.elements.start) as u32;
        let entry = ParamEntry {
            state: part.segment.map_or(0, state),
            stride: part.segment.map_or(0, |segment| (segment.stride / 4) as u32),
            member: tensor.member,
            hyper: tensor.hyper,
            record: tensor.record,
            scale_length: scale.length,
            scale_period: scale.period,
            row_length: tensor.mask.map_or(1, |mask| mask.row_length),
            row_steps: tensor.lines.lane(Extent::Rows, 0).map_or(0, |place| (place.offset / 4) as u32),
            unit: unit.factors,
            unit_length: spans.first().map_or(0, |span| span.unit_length),
            salt: tensor.salt,
            origin: part.segment.map_or(0, |segment| segment.elements.start as u32),
            state_salt: tensor.state_salt,
            ..ParamEntry::default()
        };
        self.pieces.push(OpenRows { index: part.index, pair, entry, spans });
    }
}

impl<'a> Fill<'a> {
    pub(super) fn new(tensors: &'a [Tensor], limits: &'a Limits, purpose: Purpose) -> Self {
        let plan = Plan { buckets: Vec::new(), partials: vec![Vec::new(); tensors.len()] };
        Fill { tensors, limits, purpose, plan, sums: 0 }
    }

    /// Buckets of these parts, as few as the limits allow; `spans` are a part's rows.
    pub(super) fn all(
        &mut self,
        kind: Kind,
        scalar: bool,
        parts: &[Part<'_>],
        most: impl Fn(&Tensor) -> usize,
        spans: impl Fn(&Part<'_>) -> Vec<Span>,
    ) -> Result<(), u64> {
        let mut open = Open::new(kind, scalar);
        for part in parts {
            let (most, spans) = (most(&self.tensors[part.index]), spans(part));
            // All of a part if one dispatch can bind it, else row by row.
            if let Some(pair) = self.bind(&mut open, part, (&part.elements, spans.len()), most) {
                open.push(part, &self.tensors[part.index], pair, spans);
                continue;
            }
            for span in spans {
                let Some(pair) = self.bind(&mut open, part, (&span.elements, 1), most) else {
                    return Err(2 * (4 * (span.elements.end - span.elements.start) + self.limits.alignment));
                };
                open.push(part, &self.tensors[part.index], pair, vec![span]);
            }
        }
        self.close(open);
        Ok(())
    }

    /// Binds these elements of a part, in so many rows, in the open bucket, or in a new one where that one can bind them and this one cannot.
    fn bind(&mut self, open: &mut Open, part: &Part<'_>, own: (&Range<u64>, usize), most: usize) -> Option<Pair> {
        let bound = open.with(self, part, own, most).or_else(|| {
            let alone = Open::new(open.kind, open.scalar);
            let bound = alone.with(self, part, own, usize::MAX)?;
            self.close(core::mem::replace(open, alone));
            Some(bound)
        });
        let (arrays, state, pair) = bound?;
        (open.arrays, open.state) = (arrays, state);
        Some(pair)
    }

    /// Makes a bucket of what was filled.
    fn close(&mut self, open: Open) {
        if open.pieces.is_empty() {
            return;
        }
        let mut pairs: Vec<Pair> = open.pieces.iter().map(|piece| piece.pair).collect();
        pairs.sort_unstable();
        pairs.dedup();
        let first = self.sums;
        let mut tile_words = 0;
        let lines = open.pieces.first().map_or(0, |piece| self.tensors[piece.index].lines.buffer);
        let (mut entries, mut owners): (Vec<ParamEntry>, Vec<Owner>) = (Vec::new(), Vec::new());
        let mut rows = Vec::with_capacity(open.rows);
        for piece in &open.pieces {
            let tensor = &self.tensors[piece.index];
            let entry = open.entry(piece, tensor, &pairs);
            match owners.last().filter(|owner| owner.tensor == piece.index && entries.last() == Some(&entry)) {
                Some(_) => {}
                None => {
                    let first = piece.spans.first().map_or(0, |span| span.elements.start);
                    owners.push(Owner { tensor: piece.index, elements: first..first });
                    entries.push(entry);
                }
            }
            for Span { elements, sums, tile, listed, .. } in &piece.spans {
                let start = self.sums;
                self.sums += sums;
                match self.plan.partials[piece.index].last_mut() {
                    Some(last) if last.end == start => last.end = self.sums,
                    _ => self.plan.partials[piece.index].push(start..self.sums),
                }
                rows.push(Row {
                    param: (entries.len() - 1) as u32,
                    element: elements.start as u32,
                    count: (elements.end - elements.start) as u32,
                    partial: start - first,
                    width: tile.map_or(0, |tile| tile.width as u32),
                    height: tile.map_or(*listed, |tile| tile.height as u32),
                    columns: tensor.tiles.map_or(0, |tiles| tiles.width as u32),
                    tile: tile_words,
                });
                tile_words += if tile.is_some() { tensor.tile_words } else { 0 };
            }
            if let (Some(owner), Some(last)) = (owners.last_mut(), piece.spans.last()) {
                owner.elements.end = last.elements.end;
            }
        }
        let kernel = Kernel { kind: open.kind, division: self.limits.division, arrays: open.arrays.arrays(), pairs };
        let (windows, state, sums) = (open.arrays.windows(), open.state.map(Bytes::window), first..self.sums);
        let scalar = open.scalar;
        self.plan.buckets.push(Bucket { kernel, windows, state, scalar, entries, owners, rows, sums, tile_words, lines });
    }
}

/// From the first lane of these elements to the end of the last; where lanes have fewer bits, all of the segment.
fn lanes(segment: &Segment, elements: &Range<u64>) -> Bytes {
    let end = segment.place.offset + segment.bytes();
    if !segment.widths.is_whole() {
        return Bytes { buffer: segment.place.buffer, start: segment.place.offset, end };
    }
    let local = elements.start - segment.elements.start..elements.end - segment.elements.start;
    let first = Bytes::of(segment.place, &local, 16);
    // Units begin between vectors, so that rounding up may lead past the last lane.
    Bytes { end: end.min(first.end + (segment.lanes - 1) * segment.stride), ..first }
}
