//! Which parameters are updated by one dispatch, and where their state lies: a set has a page of its own, so that no two dispatches write one buffer.
//! (wgpu puts a barrier between such two: small ones then run one after another, 14 times slower on an H200.)

use core::ops::Range;
use std::collections::HashMap;

use super::arrays::{Arrays, touches};
use super::widths::GRANULE;
use super::{Kind, Limits, Place, Purpose, Tensor, Widths};

/// Some of a parameter's elements, all of which one set has: every lane of them (a state tensor in use, or what a step keeps besides), one lane after the
/// other, so that one binding serves them all. A parameter has one segment, unless its lanes together are larger than can be bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Which elements of the parameter.
    pub elements: Range<u64>,
    /// Where the first lane begins; the room is that of one lane of f32. The buffer is the set's page.
    pub place: Place,
    /// Bytes from one lane of f32 to the next.
    pub stride: u64,
    /// How many lanes there are.
    pub lanes: u64,
    /// How they lie.
    pub widths: Widths,
}

impl Segment {
    /// Where one lane begins.
    pub fn lane(&self, lane: u64) -> Place {
        let [begin, end] = [lane, lane + 1].map(|lane| self.widths.offset(lane, self.stride));
        Place { offset: self.place.offset + begin, room: end - begin, ..self.place }
    }

    /// Bytes of its elements in one lane, in whole words.
    pub(crate) fn bytes_of(&self, lane: u64) -> u64 {
        self.widths.bytes_of(lane, self.elements.end - self.elements.start)
    }

    /// Bytes of all lanes.
    pub(crate) fn bytes(&self) -> u64 {
        self.widths.bytes(self.stride)
    }

    /// The set.
    pub fn set(&self) -> usize {
        self.place.buffer
    }
}

/// What parameters of one set have in common.
type Key = (Kind, bool);

/// All sets. Parameters are put together once, when the optimizer is made: later only what they bind changes.
#[derive(Clone, Debug, Default)]
pub struct Sets {
    /// The bytes of each set's page; 0 if it has no state.
    pub pages: Vec<u64>,
    /// Sets whose parameters vectors cannot serve.
    scalar: Vec<bool>,
    /// What each binds of the caller's, as long as it takes more.
    arrays: Vec<Arrays>,
    /// The last set that was made for each key.
    open: HashMap<Key, usize>,
    /// The set that has a buffer of values already.
    homes: HashMap<(Key, usize), usize>,
}

/// Elements of a segment with such lanes at most. Values have to fit in a window too, whose start is rounded down.
pub fn most(widths: &Widths, limits: &Limits) -> u64 {
    let granule = granule(widths, limits);
    let bound = (limits.binding - limits.alignment.min(limits.binding)) / 4;
    let most = widths.elements(limits.binding.min(limits.buffer)).min(bound);
    (most - most % granule).max(granule)
}

/// What the elements of a lane are rounded up to.
fn granule(widths: &Widths, limits: &Limits) -> u64 {
    if widths.is_whole() { limits.alignment.max(16) / 4 } else { GRANULE }
}

impl Sets {
    /// Finds a set, and room in its page, for the lanes of a parameter. Each lane begins where it can be bound on its own and is padded to that
    /// alignment, so that state is accessed as vectors, but for uneven tiles. `scalar` says that vectors cannot serve all parameters in these buffers.
    pub fn place(&mut self, widths: &Widths, tensor: &Tensor, scalar: bool, limits: &Limits) -> Vec<Segment> {
        let most = most(widths, limits);
        // Where one is more than that, whoever makes the optimizer finds a segment that is too large.
        let most = (most / tensor.granule).max(1) * tensor.granule;
        // An empty parameter has one granule, so that its state can be bound.
        let ranges: Vec<Range<u64>> = match &tensor.tiles {
            Some(tiles) if tensor.len > 0 => tiles.parts(most),
            _ => (0..tensor.room.div_ceil(most).max(1)).map(|index| index * most..tensor.room.min((index + 1) * most)).collect(),
        };
        // Whoever adds up what tiles have finds those of a tensor one after the other: no other tensor may come between its sets.
        let is_apart = tensor.tiles.is_some() && ranges.len() > 1;
        if is_apart {
            self.leave((tensor.kind, scalar));
        }
        let segments = ranges.into_iter().map(|room| self.segment(widths, tensor, room, scalar, limits)).collect();
        if is_apart {
            self.leave((tensor.kind, scalar));
        }
        segments
    }

    /// Takes nothing more into the sets of this key.
    fn leave(&mut self, key: Key) {
        self.open.remove(&key);
        self.homes.retain(|(known, _), _| *known != key);
    }

    /// With room for these elements, of which there may be fewer.
    fn segment(&mut self, widths: &Widths, tensor: &Tensor, room: Range<u64>, scalar: bool, limits: &Limits) -> Segment {
        let elements = room.start..tensor.len.clamp(room.start, room.end);
        let stride = 4 * (room.end - room.start).max(1).next_multiple_of(granule(widths, limits));
        let bytes = widths.bytes(stride);
        let set = self.set((tensor.kind, scalar), tensor, &elements, bytes, limits);
        let offset = self.pages[set];
        self.pages[set] += bytes;
        let place = Place { buffer: set, offset, room: stride, ..Place::default() };
        Segment { elements, place, stride, lanes: widths.lanes(), widths: widths.clone() }
    }

    /// The set of a segment: the one that has its buffer of values already, else the last one, else a new one.
    fn set(&mut self, key: Key, tensor: &Tensor, elements: &Range<u64>, bytes: u64, limits: &Limits) -> usize {
        let touches = touches(&tensor.places(), false, elements, Purpose::Update);
        let touches: Vec<_> = touches.into_iter().flatten().collect();
        let home = (key, tensor.value.buffer);
        let known = [self.homes.get(&home), self.open.get(&key)].into_iter().flatten().copied();
        let room = limits.binding.min(limits.buffer).saturating_sub(bytes);
        let known: Vec<usize> = known.filter(|&set| self.pages[set] <= room).collect();
        let with = |set: usize| Some((set, self.arrays[set].with(&touches, tensor.arrays, limits)?.0));
        let (set, arrays) = known.into_iter().find_map(with).unwrap_or_else(|| {
            self.pages.push(0);
            self.scalar.push(key.1);
            self.arrays.push(Arrays::default());
            self.open.insert(key, self.pages.len() - 1);
            let alone = Arrays::default().with(&touches, usize::MAX, limits);
            (self.pages.len() - 1, alone.map(|(arrays, _)| arrays).unwrap_or_default())
        });
        self.arrays[set] = arrays;
        self.homes.insert(home, set);
        set
    }

    /// Leaves the sets as they are, and forgets what only placing needs: what is placed from now on takes new ones.
    pub fn close(&mut self) {
        self.open.clear();
        self.homes.clear();
        self.arrays.fill_with(Arrays::default);
    }

    /// Whether vectors cannot serve a set.
    pub fn is_scalar(&self, set: usize) -> bool {
        self.scalar.get(set).copied().unwrap_or_default()
    }
}
