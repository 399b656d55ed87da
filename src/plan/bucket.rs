use core::ops::Range;
use std::collections::BTreeMap;

use super::{Access, Gradients, Kernel, Limits, Place, Row, Tensor, Window, chunks};

/// Rows that share a kernel and what it has bound: one dispatch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// The kernel.
    pub kernel: Kernel,
    /// The values; with [`Gradients::Shared`] the gradients too.
    pub values: Window,
    /// The gradients, unless shared.
    pub gradients: Option<Window>,
    /// The state: this window of every lane of the page that `buffer` names.
    pub state: Option<Window>,
    /// The workgroups.
    pub rows: Vec<Row>,
}

/// Sorts the chunks of all tensors into as few buckets as the limits allow. Fails with the bytes that one chunk would need if that is
/// more than can be bound.
pub fn buckets(tensors: &[Tensor], limits: &Limits) -> Result<Vec<Bucket>, u64> {
    let mut queues: BTreeMap<Key, Vec<Piece>> = BTreeMap::new();
    for tensor in tensors {
        for chunk in chunks(tensor.len) {
            for piece in pieces(tensor, chunk, limits) {
                queues.entry(piece.key()).or_default().push(piece);
            }
        }
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
    Ok(buckets)
}

/// What pieces of one bucket have in common: kernel, and the buffers of values, gradients and state.
type Key = (Kernel, usize, usize, Option<usize>);

/// Part of a chunk, with the bytes that its kernel touches in each buffer.
#[derive(Clone, Copy)]
struct Piece {
    kernel: Kernel,
    value: Bytes,
    gradient: Bytes,
    state: Option<Bytes>,
    count: u32,
    hyper: u32,
    record: u32,
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
fn pieces(tensor: &Tensor, chunk: Range<u64>, limits: &Limits) -> impl Iterator<Item = Piece> {
    let aligned = |place: Place| place.offset.is_multiple_of(16);
    let reaches = |place: Place| 4 * chunk.end.next_multiple_of(4) <= place.room;
    let split = if !aligned(tensor.value) || !aligned(tensor.gradient) {
        chunk.start
    } else if reaches(tensor.value) && reaches(tensor.gradient) {
        chunk.end
    } else {
        chunk.end - chunk.end % 4
    };
    let parts = [(Access::Vector, chunk.start..split), (Access::Scalar, split..chunk.end)];
    let tensor = *tensor;
    let limits = *limits;
    parts.into_iter().filter(|(_, part)| !part.is_empty()).map(move |(access, part)| piece(&tensor, access, part, &limits))
}

fn piece(tensor: &Tensor, access: Access, part: Range<u64>, limits: &Limits) -> Piece {
    let granule = match access {
        Access::Vector => 16,
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
    Piece {
        kernel: Kernel { variant: tensor.variant, access, gradients },
        value,
        gradient,
        state: tensor.state.map(|place| Bytes::of(place, &part, 16)),
        count: (part.end - part.start) as u32,
        hyper: tensor.hyper,
        record: tensor.record,
    }
}

impl Piece {
    fn key(&self) -> Key {
        (self.kernel, self.value.buffer, self.gradient.buffer, self.state.map(|state| state.buffer))
    }
}

/// A bucket that is being filled.
struct Open {
    values: Bytes,
    gradients: Bytes,
    state: Option<Bytes>,
    pieces: Vec<Piece>,
}

impl Open {
    fn start(piece: Piece, limits: &Limits) -> Result<Open, u64> {
        let open = Open { values: piece.value, gradients: piece.gradient, state: piece.state, pieces: Vec::new() };
        let need = 2 * (piece.value.len() + limits.alignment);
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
        let state = self.state.zip(piece.state).map(|(state, more)| state.hull(more, limits));
        let apart = values.end <= gradients.start || gradients.end <= values.start;
        let distinct = piece.kernel.gradients != Gradients::Far || apart;
        let bound = [Some(values), Some(gradients), state].into_iter().flatten().all(|window| window.len() <= limits.binding);
        let count = self.pieces.len() as u64 + 1;
        let rows = count * size_of::<Row>() as u64 <= limits.binding;
        let dispatched = count <= limits.workgroups.saturating_mul(limits.workgroups);
        (distinct && bound && rows && dispatched).then_some(Open { values, gradients, state, pieces: Vec::new() })
    }

    fn close(self) -> Bucket {
        let kernel = self.pieces[0].kernel;
        let row = |piece: &Piece| Row {
            value: self.values.element(piece.value),
            gradient: self.gradients.element(piece.gradient),
            state: self.state.zip(piece.state).map_or(0, |(window, state)| window.element(state)),
            count: piece.count,
            hyper: piece.hyper,
            record: piece.record,
        };
        Bucket {
            kernel,
            values: self.values.window(),
            gradients: (kernel.gradients != Gradients::Shared).then(|| self.gradients.window()),
            state: self.state.map(Bytes::window),
            rows: self.pieces.iter().map(row).collect(),
        }
    }
}
