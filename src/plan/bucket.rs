use core::ops::Range;
use std::collections::BTreeMap;

use super::{Access, Gradients, Kernel, Limits, Place, Row, Scale, Segment, Tensor, Units, Window, chunks};

/// Rows that share a kernel and what it has bound: one dispatch.
#[derive(Clone, Debug, PartialEq)]
pub struct Bucket {
    /// The kernel.
    pub kernel: Kernel,
    /// The values; with [`Gradients::Shared`] the gradients too.
    pub values: Window,
    /// The gradients, unless shared.
    pub gradients: Option<Window>,
    /// The state: part of the page that `buffer` names, with all lanes of the bucket's segments.
    pub state: Option<Window>,
    /// The scales of the learning rate.
    pub scale: Option<Window>,
    /// The workgroups.
    pub rows: Vec<Row>,
}

/// The dispatches over all tensors, and where each tensor's partial sums are.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The dispatches.
    pub buckets: Vec<Bucket>,
    /// The slots of each tensor's sums, one for each row or unit ([`Row::partial`]), in the order of its elements.
    pub partials: Vec<Range<u32>>,
}

/// Sorts the chunks of all tensors into as few buckets as the limits allow, for the passes that change values. Fails with the bytes that one
/// chunk would need if that is more than can be bound.
pub fn plan(tensors: &[Tensor], limits: &Limits) -> Result<Plan, u64> {
    fill(tensors, limits, |tensor| {
        let chunks = segments(tensor).flat_map(|(segment, part)| pieces(tensor, segment, part, limits));
        chunks.map(|piece| (piece, 1)).collect()
    })
}

/// The same for the pass that measures gradients; it reads the values of tensors with units only, and state only where gradients were
/// accumulated. Units are not cut where state is: a tensor with units, accumulated gradients and several segments is refused beforehand.
pub fn measures(tensors: &[Tensor], accumulated: bool, limits: &Limits) -> Result<Plan, u64> {
    let reading = |piece: Piece, adaptive: bool| Piece {
        kernel: Kernel { variant: 0, gradients: Gradients::Apart, scaled: false, adaptive, whole_units: false, ..piece.kernel },
        value: if adaptive { piece.value } else { piece.gradient },
        state: piece.state.filter(|_| accumulated),
        scale: None,
        ..piece
    };
    fill(tensors, limits, |tensor| {
        let Some(unit) = tensor.unit else {
            let chunks = segments(tensor).flat_map(|(segment, part)| pieces(tensor, segment, part, limits));
            return chunks.map(|piece| (reading(piece, false), 1)).collect();
        };
        let length = u64::from(unit.length);
        let segment = if let [segment] = &tensor.state[..] { Some(segment) } else { None };
        let units = Units::new(tensor.len, length);
        let part = |part: &Range<u64>| {
            // Between vectors begins and ends no unit of whole ones.
            let access = if length.is_multiple_of(4) { access(tensor, part, limits) } else { Access::Scalar };
            let piece = reading(piece(tensor, segment, access, part.clone(), limits), true);
            let (unit_length, sums) = if units.long { (0, 1) } else { (unit.length, (part.end - part.start) / length) };
            (Piece { row: Row { unit_length, ..piece.row }, ..piece }, sums as u32)
        };
        units.parts.iter().map(part).collect()
    })
}

/// Buckets of these pieces, which have so many sums each.
fn fill(tensors: &[Tensor], limits: &Limits, pieces: impl Fn(&Tensor) -> Vec<(Piece, u32)>) -> Result<Plan, u64> {
    let mut queues: BTreeMap<Key, Vec<Piece>> = BTreeMap::new();
    let mut partials = Vec::new();
    let mut next = 0;
    for tensor in tensors {
        let first = next;
        for (piece, sums) in pieces(tensor) {
            queues.entry(piece.key()).or_default().push(Piece { row: Row { partial: next, ..piece.row }, ..piece });
            next += sums;
        }
        partials.push(first..next);
    }
    let mut buckets = Vec::new();
    for mut queue in queues.into_values() {
        queue.sort_by_key(|piece| piece.value.start);
        let mut open: Option<Open> = None;
        for piece in queue {
            let grown = open.as_ref().and_then(|open| open.with(piece, limits));
            let next = match grown {
                Some(grown) => Open { pieces: open.take().map(|open| open.pieces).unwrap_or_default(), ..grown },
                None => {
                    buckets.extend(open.take().map(Open::close));
                    Open::start(piece, limits)?
                }
            };
            open = Some(next);
            if let Some(open) = &mut open {
                open.pieces.push(piece);
            }
        }
        buckets.extend(open.map(Open::close));
    }
    Ok(Plan { buckets, partials })
}

/// The chunks of a tensor, each with the segment that has its state.
fn segments(tensor: &Tensor) -> impl Iterator<Item = (Option<&Segment>, Range<u64>)> {
    let stateless = tensor.state.is_empty().then(|| chunks(0..tensor.len).map(|part| (None, part)));
    let segments = tensor.state.iter().flat_map(|segment| chunks(segment.elements.clone()).map(move |part| (Some(segment), part)));
    stateless.into_iter().flatten().chain(segments)
}

/// What pieces of one bucket have in common: kernel, and the buffers of values, gradients, state and scales.
type Key = (Kernel, usize, usize, Option<usize>, Option<usize>);

/// Part of a chunk, with the bytes that its kernel touches in each buffer.
#[derive(Clone, Copy)]
struct Piece {
    kernel: Kernel,
    value: Bytes,
    gradient: Bytes,
    state: Option<Bytes>,
    scale: Option<Bytes>,
    /// Where the tensor's first scale is, in bytes.
    scale_origin: Option<u64>,
    /// What of its row does not depend on windows.
    row: Row,
}

#[derive(Clone, Copy, PartialEq)]
struct Bytes {
    buffer: usize,
    start: u64,
    end: u64,
}

impl Bytes {
    fn of(place: Place, elements: &Range<u64>, granule: u64) -> Bytes {
        let start = place.offset + 4 * elements.start;
        Bytes { buffer: place.buffer, start, end: start + (4 * (elements.end - elements.start)).next_multiple_of(granule) }
    }

    /// The smallest bindable window over both.
    fn hull(self, other: Bytes, limits: &Limits) -> Bytes {
        let start = self.start.min(other.start);
        Bytes { buffer: self.buffer, start: start - start % limits.alignment, end: self.end.max(other.end) }
    }

    fn len(self) -> u64 {
        self.end - self.start
    }

    fn window(self) -> Window {
        Window { buffer: self.buffer, offset: self.start, size: self.len() }
    }

    /// The element of a window that starts here at which `inner` starts; windows are at most 4 GiB.
    fn element(self, inner: Bytes) -> u32 {
        ((inner.start - self.start) / 4) as u32
    }
}

/// A chunk as its kernels see it: whole if vectors can serve it, else the longest part that they can, and the rest by scalars.
fn pieces<'a>(tensor: &'a Tensor, segment: Option<&'a Segment>, chunk: Range<u64>, limits: &'a Limits) -> impl Iterator<Item = Piece> + 'a {
    let vectors = chunk.start..chunk.end - chunk.end % 4;
    let split = match (access(tensor, &chunk, limits), access(tensor, &vectors, limits)) {
        (Access::Scalar, Access::Scalar) => chunk.start,
        (Access::Scalar, _) => vectors.end,
        _ => chunk.end,
    };
    let parts = [(wide(limits), chunk.start..split), (Access::Scalar, split..chunk.end)];
    parts.into_iter().filter(|(_, part)| !part.is_empty()).map(move |(access, part)| piece(tensor, segment, access, part, limits))
}

/// How a part that begins at a vector can be accessed.
fn access(tensor: &Tensor, part: &Range<u64>, limits: &Limits) -> Access {
    let serves = |place: Place| place.offset.is_multiple_of(16) && 4 * part.end.next_multiple_of(4) <= place.room;
    if serves(tensor.value) && serves(tensor.gradient) { wide(limits) } else { Access::Scalar }
}

fn wide(limits: &Limits) -> Access {
    if limits.software { Access::Pairs } else { Access::Vector }
}

fn piece(tensor: &Tensor, segment: Option<&Segment>, access: Access, part: Range<u64>, limits: &Limits) -> Piece {
    let granule = match access {
        Access::Vector | Access::Pairs => 16,
        Access::Scalar => 4,
    };
    let value = Bytes::of(tensor.value, &part, granule);
    let gradient = Bytes::of(tensor.gradient, &part, granule);
    let gradients = if value.buffer != gradient.buffer {
        Gradients::Apart
    } else if value.hull(gradient, limits).len() <= limits.binding {
        Gradients::Shared
    } else {
        Gradients::Far
    };
    // From the first lane to the end of the last.
    let lanes = |segment: &Segment| {
        let local = part.start - segment.elements.start..part.end - segment.elements.start;
        let first = Bytes::of(segment.place, &local, 16);
        // Units begin between vectors, so that rounding up may lead past the last lane.
        let end = segment.place.offset + segment.lanes * segment.stride;
        Bytes { end: end.min(first.end + (segment.lanes - 1) * segment.stride), ..first }
    };
    let (scaled, adaptive) = (tensor.scale.is_some(), tensor.unit.is_some());
    let whole_units = tensor.unit.is_some_and(|unit| unit.length.is_multiple_of(4));
    let (scale, unit) = (tensor.scale.unwrap_or_default(), tensor.unit.unwrap_or_default());
    Piece {
        kernel: Kernel { variant: tensor.variant, software: limits.software, access, gradients, scaled, adaptive, whole_units },
        value,
        gradient,
        state: segment.map(lanes),
        scale: tensor.scale.map(|scale| scale.bytes(&part)),
        scale_origin: tensor.scale.map(|scale| scale.place.offset),
        row: Row {
            stride: segment.map_or(0, |segment| (segment.stride / 4) as u32),
            count: (part.end - part.start) as u32,
            element: part.start as u32,
            member: tensor.member,
            hyper: tensor.hyper,
            record: tensor.record,
            scale_length: scale.length,
            scale_period: scale.period,
            unit: unit.factors,
            unit_length: unit.length,
            ..Row::default()
        },
    }
}

impl Scale {
    /// The scales that these elements use.
    fn bytes(&self, part: &Range<u64>) -> Bytes {
        let (length, period) = (u64::from(self.length), u64::from(self.period));
        let (first, last) = (part.start / length, (part.end - 1) / length);
        let wraps = last - first >= period || first % period > last % period;
        let used = if wraps { 0..period } else { first % period..last % period + 1 };
        Bytes::of(self.place, &used, 4)
    }
}

impl Piece {
    fn key(&self) -> Key {
        let buffer = |bytes: Bytes| bytes.buffer;
        (self.kernel, self.value.buffer, self.gradient.buffer, self.state.map(buffer), self.scale.map(buffer))
    }
}

/// A bucket that is being filled.
struct Open {
    values: Bytes,
    gradients: Bytes,
    state: Option<Bytes>,
    scale: Option<Bytes>,
    pieces: Vec<Piece>,
}

impl Open {
    fn start(piece: Piece, limits: &Limits) -> Result<Open, u64> {
        let Piece { value: values, gradient: gradients, state, scale, .. } = piece;
        let open = Open { values, gradients, state, scale, pieces: Vec::new() };
        let largest = [Some(values), state, scale].into_iter().flatten().map(Bytes::len).max().unwrap_or_default();
        let need = 2 * (largest + limits.alignment);
        open.with(piece, limits).ok_or(need)
    }

    /// The windows with this piece in them, if they can be bound. The pieces stay behind.
    fn with(&self, piece: Piece, limits: &Limits) -> Option<Open> {
        let mut values = self.values.hull(piece.value, limits);
        let mut gradients = self.gradients.hull(piece.gradient, limits);
        if piece.kernel.gradients == Gradients::Shared {
            values = values.hull(gradients, limits);
            gradients = values;
        }
        let hull = |(window, more): (Bytes, Bytes)| window.hull(more, limits);
        let state = self.state.zip(piece.state).map(hull);
        let scale = self.scale.zip(piece.scale).map(hull);
        let apart = values.end <= gradients.start || gradients.end <= values.start;
        let distinct = piece.kernel.gradients != Gradients::Far || apart;
        let bound = [Some(values), Some(gradients), state, scale].into_iter().flatten().all(|window| window.len() <= limits.binding);
        let count = self.pieces.len() as u64 + 1;
        let rows = count * size_of::<Row>() as u64 <= limits.binding;
        let dispatched = count <= limits.workgroups.saturating_mul(limits.workgroups);
        (distinct && bound && rows && dispatched).then_some(Open { values, gradients, state, scale, pieces: Vec::new() })
    }

    fn close(self) -> Bucket {
        let kernel = self.pieces[0].kernel;
        // From the start of the window to the tensor's first scale, which may lie before it: the kernel's sum wraps back.
        let scale = |piece: &Piece| match (self.scale, piece.scale_origin) {
            (Some(window), Some(origin)) => (origin as i64 - window.start as i64).div_euclid(4) as u32,
            _ => 0,
        };
        let row = |piece: &Piece| Row {
            value: self.values.element(piece.value),
            gradient: self.gradients.element(piece.gradient),
            state: self.state.zip(piece.state).map_or(0, |(window, state)| window.element(state)),
            scale: scale(piece),
            ..piece.row
        };
        Bucket {
            kernel,
            values: self.values.window(),
            gradients: (kernel.gradients != Gradients::Shared).then(|| self.gradients.window()),
            state: self.state.map(Bytes::window),
            scale: self.scale.map(Bytes::window),
            rows: self.pieces.iter().map(row).collect(),
        }
    }
}
