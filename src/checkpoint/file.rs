//! A checkpoint as the bytes of a safetensors file, and back.
//!
//! Tensors are `PARAMETER/KEY`, f32 in their own shapes, or of states the type that they are stored as; beside them each parameter has `steps` and `pending` (u32), `scalars` (f32) and `hyper` (u32, the
//! words of its hyper-parameters). All else is JSON in the metadata, under one key: [`METADATA`].

use std::borrow::Cow;
use std::collections::BTreeMap;

use safetensors::{Dtype, View};

use super::header::File;
use super::outline::{LaneOutline, Outline, ParamOutline, Settings};
use super::{Checkpoint, Coding, Entries, Numbers, decoded, encoded};
use crate::error::{Error, Result};
use crate::step::{ENTRIES, ENTRY_ROWS, HYPER, PENDING, SCALARS, SCALE, STEPS, TrainingProgress, VALUE};
use crate::storage::Format;

/// The key of the metadata.
const METADATA: &str = "wgpu-optim";
/// The version of the format that this crate writes, and the latest that it reads.
const VERSION: u32 = 1;

/// What the metadata says.
#[derive(serde::Serialize, serde::Deserialize)]
struct Head {
    version: u32,
    step: u32,
    skips: u32,
    /// As bits: JSON's numbers are not exact in every reader.
    loss_scale: u32,
    growth_tracker: u32,
    micro_batches: u32,
    scheduled: Vec<Settings>,
    notes: BTreeMap<String, String>,
    outline: Outline,
}

/// What the metadata of any version says.
#[derive(serde::Deserialize)]
struct Version {
    version: u64,
}

/// A tensor on its way into a file.
pub(super) struct Piece<'a> {
    dtype: Dtype,
    shape: Cow<'a, [usize]>,
    data: Cow<'a, [u8]>,
}

impl View for Piece<'_> {
    fn dtype(&self) -> Dtype {
        self.dtype
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.data)
    }
    fn data_len(&self) -> usize {
        self.data.len()
    }
}

impl<'a> Piece<'a> {
    pub(super) fn new<T: bytemuck::Pod>(dtype: Dtype, shape: impl Into<Cow<'a, [usize]>>, data: &'a [T]) -> Self {
        Piece { dtype, shape: shape.into(), data: bytemuck::cast_slice(data).into() }
    }

    /// A lane as it is stored.
    fn stored(lane: &'a LaneOutline, dtype: Dtype, words: &[u32]) -> Self {
        let bytes = lane.shape.iter().product::<usize>() * dtype.bitsize() / 8;
        Piece { dtype, shape: (&*lane.shape).into(), data: bytemuck::cast_slice(words)[..bytes].to_vec().into() }
    }
}

impl Checkpoint {
    /// The bytes of a [safetensors](https://github.com/huggingface/safetensors) file, which other programs can read too. Equal checkpoints give equal
    /// bytes. With the feature `safetensors`, which is on by default.
    ///
    /// # Errors
    ///
    /// [`Error::Checkpoint`]: more than 100 MB of names and settings.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let TrainingProgress { step, skips, loss_scale, growth_tracker } = self.progress;
        let (version, loss_scale, notes) = (VERSION, loss_scale.to_bits(), self.notes.clone());
        let head = Head {
            version,
            step,
            skips,
            loss_scale,
            growth_tracker,
            micro_batches: self.micro_batches,
            scheduled: self.scheduled.clone(),
            notes,
            outline: self.outline.clone(),
        };
        let head = serde_json::to_string(&head).map_err(|error| malformed(error.to_string()))?;
        let params = self.outline.params.iter().zip(&self.params);
        let pieces = params.flat_map(|(outline, numbers)| pieces(outline, numbers));
        safetensors::serialize(pieces, Some([(METADATA.to_owned(), head)].into_iter().collect()))
            .map_err(|error| malformed(error.to_string()))
    }

    /// Reads what [`Checkpoint::to_bytes`] wrote, on whatever machine.
    ///
    /// # Errors
    ///
    /// [`Error::Checkpoint`]: bytes that are no safetensors file, are cut short or were changed, are of another kind of file or a later version, or have a
    /// tensor too few, too many, or of another shape or dtype than their own list says.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let file = File::new(bytes).map_err(malformed)?;
        let head = file.metadata.get(METADATA);
        let head = head.ok_or_else(|| malformed(format!("it has no metadata by the key {METADATA}, so it is of another program")))?;
        // A later version may have nothing else of this one.
        if let Ok(Version { version }) = serde_json::from_slice(head.as_bytes())
            && !(1..=VERSION.into()).contains(&version)
        {
            return Err(malformed(format!("it has version {version} of the format, this crate reads up to {VERSION}")));
        }
        let head: Head = serde_json::from_slice(head.as_bytes()).map_err(|error| malformed(format!("its metadata: {error}")))?;
        let Head { step, skips, loss_scale, growth_tracker, micro_batches, scheduled, notes, outline, .. } = head;
        outline.check().map_err(malformed)?;
        let mut reader = Reader { file: &file, read: 0 };
        let params = outline.params.iter().map(|param| reader.numbers(param)).collect::<Result<Vec<_>>>()?;
        if reader.read != file.len {
            let (got, needed) = (file.len, reader.read);
            return Err(malformed(format!("it has {got} tensors, and its own list {needed}")));
        }
        let progress = TrainingProgress { step, skips, loss_scale: f32::from_bits(loss_scale), growth_tracker };
        Ok(Checkpoint { outline, progress, micro_batches, params, scheduled, notes })
    }
}

fn pieces<'a>(outline: &'a ParamOutline, numbers: &'a Numbers) -> impl Iterator<Item = (String, Piece<'a>)> {
    let Numbers { steps, pending, scalars, hyper, value, lanes, entries } = numbers;
    let given: Vec<Option<&[f32]>> = lanes.iter().map(|lane| Some(&**lane)).collect();
    // In their own bits, but for f32, which is as it is.
    let packed = if outline.is_plain() { Vec::new() } else { encoded(&outline.codings(), &given) };
    let lane = move |(index, (lane, data)): (usize, (&'a LaneOutline, &'a Vec<f32>))| match lane.file_type() {
        Dtype::F32 => (&*lane.key, Piece::new(Dtype::F32, &*lane.shape, data)),
        dtype => (&*lane.key, Piece::stored(lane, dtype, &packed[index])),
    };
    let value = value.iter().map(|value| (VALUE, outline.value(value)));
    let counts = [(STEPS, steps), (PENDING, pending)];
    let counts = counts.map(|(key, count)| (key, Piece::new(Dtype::U32, vec![], core::slice::from_ref(count))));
    let lists =
        [(SCALARS, Piece::new(Dtype::F32, vec![scalars.len()], scalars)), (HYPER, Piece::new(Dtype::U32, vec![hyper.len()], hyper))];
    let Entries { rows, gradient } = entries;
    let entries = (!rows.is_empty()).then(|| {
        [
            (ENTRIES, Piece::new(Dtype::F32, outline.entries(rows.len()), gradient)),
            (ENTRY_ROWS, Piece::new(Dtype::U32, vec![rows.len()], rows)),
        ]
    });
    let all = value.chain(outline.lanes.iter().zip(lanes).enumerate().map(lane)).chain(counts).chain(lists);
    let all = all.chain(entries.into_iter().flatten());
    all.map(|(key, piece)| (format!("{}/{key}", outline.name), piece))
}

/// Takes tensors out of a file.
struct Reader<'a> {
    file: &'a File<'a>,
    /// How many were taken.
    read: usize,
}

impl Reader<'_> {
    fn numbers(&mut self, param: &ParamOutline) -> Result<Numbers> {
        let find = |key| self.file.tensors.info(&format!("{}/{key}", param.name));
        let is_there = find(VALUE).is_some();
        let hyper = find(HYPER).map_or(0, |hyper| hyper.shape.iter().product());
        Ok(Numbers {
            steps: self.count(param, STEPS)?,
            pending: self.count(param, PENDING)?,
            scalars: self.take(param, SCALARS, Dtype::F32, &[param.scalars])?,
            hyper: self.take(param, HYPER, Dtype::U32, &[hyper])?,
            value: is_there.then(|| self.lane(param, &param.own())).transpose()?,
            lanes: self.lanes(param)?,
            entries: self.entries(param)?,
        })
    }

    /// Those that were accumulated, if any were.
    fn entries(&mut self, param: &ParamOutline) -> Result<Entries> {
        let find = |key| self.file.tensors.info(&format!("{}/{key}", param.name));
        let Some(rows) = find(ENTRY_ROWS).or(find(ENTRIES)) else { return Ok(Entries::default()) };
        let count = rows.shape.first().copied().unwrap_or_default();
        let rows = self.take(param, ENTRY_ROWS, Dtype::U32, &[count])?;
        Ok(Entries { rows, gradient: self.take(param, ENTRIES, Dtype::F32, &param.entries(count))? })
    }

    /// The numbers of a tensor without scales.
    fn lane(&mut self, param: &ParamOutline, lane: &LaneOutline) -> Result<Vec<f32>> {
        let elements = lane.shape.iter().product();
        Ok(lane.format().unwrap_or_default().decode(&self.words(param, lane)?, &[], elements))
    }

    fn words(&mut self, param: &ParamOutline, lane: &LaneOutline) -> Result<Vec<u32>> {
        let mut bytes: Vec<u8> = self.take(param, &lane.key, lane.file_type(), &lane.shape)?;
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        Ok(bytemuck::pod_collect_to_vec(&bytes))
    }

    fn lanes(&mut self, param: &ParamOutline) -> Result<Vec<Vec<f32>>> {
        let words = param.lanes.iter().map(|lane| self.words(param, lane)).collect::<Result<Vec<_>>>()?;
        Ok(decoded(&param.codings(), &words, |lane| param.lanes[lane].shape.iter().product()))
    }

    fn count(&mut self, param: &ParamOutline, key: &str) -> Result<u32> {
        Ok(self.take::<u32>(param, key, Dtype::U32, &[])?.first().copied().unwrap_or_default())
    }

    fn take<T: bytemuck::Pod>(&mut self, param: &ParamOutline, key: &str, dtype: Dtype, shape: &[usize]) -> Result<Vec<T>> {
        let name = format!("{}/{key}", param.name);
        let tensor = self.file.tensors.info(&name).ok_or_else(|| malformed(format!("{name} is not there")))?;
        if (tensor.dtype, &*tensor.shape) != (dtype, shape) {
            let (got, of) = (tensor.dtype, &tensor.shape);
            return Err(malformed(format!("{name} is {got} of shape {of:?}, and its own list says {dtype} of shape {shape:?}")));
        }
        self.read += 1;
        let (from, to) = tensor.data_offsets;
        Ok(bytemuck::pod_collect_to_vec(self.file.data.get(from..to).unwrap_or_default()))
    }
}

impl LaneOutline {
    /// What it is stored as, if that is known.
    pub(super) fn format(&self) -> Option<Format> {
        Format::named(&self.dtype)
    }

    /// The type of its numbers in a file.
    fn file_type(&self) -> Dtype {
        let packed = self.format().and_then(Format::packed);
        packed.map_or(Dtype::F32, |packed| match packed.file_type() {
            "BF16" => Dtype::BF16,
            "F16" => Dtype::F16,
            _ => Dtype::U8,
        })
    }
}

impl ParamOutline {
    /// The values, as a lane is described.
    fn own(&self) -> LaneOutline {
        LaneOutline { key: VALUE.to_owned(), shape: self.shape.clone(), dtype: self.dtype.clone() }
    }

    /// The values as they are stored.
    fn value<'a>(&'a self, numbers: &'a [f32]) -> Piece<'a> {
        let own = self.own();
        match own.format().and_then(Format::packed) {
            None => Piece::new(Dtype::F32, &*self.shape, numbers),
            Some(_) => {
                let words = own.format().unwrap_or_default().encode(numbers, &[]);
                let bytes = numbers.len() * own.file_type().bitsize() / 8;
                Piece { dtype: own.file_type(), shape: (&*self.shape).into(), data: bytemuck::cast_slice(&words)[..bytes].to_vec().into() }
            }
        }
    }

    /// The shape of the gradient rows of so many entries.
    fn entries(&self, count: usize) -> Vec<usize> {
        let mut shape = self.shape.clone();
        shape.iter_mut().take(1).for_each(|rows| *rows = count);
        shape
    }

    fn is_plain(&self) -> bool {
        self.lanes.iter().all(|lane| lane.dtype.is_empty())
    }

    /// The scales of a lane's blocks.
    pub(super) fn scale_of(&self, lane: &LaneOutline) -> Option<&LaneOutline> {
        self.lanes.iter().find(|other| other.key.strip_suffix(SCALE) == Some(&lane.key))
    }

    /// How each of its lanes lies in words.
    fn codings(&self) -> Vec<Coding> {
        let place = |lane: &LaneOutline| self.lanes.iter().position(|other| other.key.strip_suffix(SCALE) == Some(&lane.key));
        let coding = |lane: &LaneOutline| {
            let format = lane.format().unwrap_or_default();
            Coding { format, scales: place(lane).filter(|_| format.has_scales()) }
        };
        self.lanes.iter().map(coding).collect()
    }
}

fn malformed(message: String) -> Error {
    Error::Checkpoint { of: "the checkpoint".into(), message }
}
