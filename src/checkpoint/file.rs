//! A checkpoint as the bytes of a safetensors file, and back.
//!
//! Tensors are `PARAMETER/KEY`, f32 in their own shapes, or of states the type that they are stored as; beside them each parameter has `steps` and `pending` (u32), `scalars` (f32) and `hyper` (u32, the
//! words of its hyper-parameters). All else is JSON in the metadata, under one key: [`METADATA`].

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use safetensors::{Dtype, View};

use super::header::File;
use super::outline::{LaneOutline, Outline, ParamOutline, Settings, are_squares, lane_shape};
use super::{Checkpoint, Coding, Numbers, decoded, encoded};
use crate::error::{Error, Result};
use crate::rule::{Extent, Extents};
use crate::step::{HYPER, PENDING, SCALARS, SCALE, STEPS, TrainingProgress, VALUE};
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
        if let Ok(Version { version }) = serde_json::from_str(head)
            && !(1..=VERSION.into()).contains(&version)
        {
            return Err(malformed(format!("it has version {version} of the format, this crate reads up to {VERSION}")));
        }
        let head: Head = serde_json::from_str(head).map_err(|error| malformed(format!("its metadata: {error}")))?;
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
    let Numbers { steps, pending, scalars, hyper, value, lanes } = numbers;
    let given: Vec<Option<&[f32]>> = lanes.iter().map(|lane| Some(&**lane)).collect();
    // In their own bits, but for f32, which is as it is.
    let packed = if outline.is_plain() { Vec::new() } else { encoded(&outline.codings(), &given) };
    let lane = move |(index, (lane, data)): (usize, (&'a LaneOutline, &'a Vec<f32>))| match lane.file_type() {
        Dtype::F32 => (&*lane.key, Piece::new(Dtype::F32, &*lane.shape, data)),
        dtype => (&*lane.key, Piece::stored(lane, dtype, &packed[index])),
    };
    let value = value.iter().map(|value| (VALUE, Piece::new(Dtype::F32, &*outline.shape, value)));
    let counts = [(STEPS, steps), (PENDING, pending)];
    let counts = counts.map(|(key, count)| (key, Piece::new(Dtype::U32, vec![], core::slice::from_ref(count))));
    let lists =
        [(SCALARS, Piece::new(Dtype::F32, vec![scalars.len()], scalars)), (HYPER, Piece::new(Dtype::U32, vec![hyper.len()], hyper))];
    let all = value.chain(outline.lanes.iter().zip(lanes).enumerate().map(lane)).chain(counts).chain(lists);
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
            value: is_there.then(|| self.take(param, VALUE, Dtype::F32, &param.shape)).transpose()?,
            lanes: self.lanes(param)?,
        })
    }

    fn lanes(&mut self, param: &ParamOutline) -> Result<Vec<Vec<f32>>> {
        let words = |lane: &LaneOutline| -> Result<Vec<u32>> {
            let mut bytes: Vec<u8> = self.take(param, &lane.key, lane.file_type(), &lane.shape)?;
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            Ok(bytemuck::pod_collect_to_vec(&bytes))
        };
        let words = param.lanes.iter().map(words).collect::<Result<Vec<_>>>()?;
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

impl Outline {
    /// Whether groups are there, have a rule, names are there once, shapes can be counted, and states have such as their parameter's allows.
    fn check(&self) -> core::result::Result<(), String> {
        if let Some(group) = self.groups.iter().position(|group| !group.contains_key("rule")) {
            return Err(format!("its group {group} has no rule"));
        }
        let (mut names, mut tensors) = (HashSet::new(), HashSet::new());
        for param in &self.params {
            let ParamOutline { name, shape, group, lanes, .. } = param;
            if !names.insert(name) {
                return Err(format!("{name} is there twice"));
            }
            if *group >= self.groups.len() {
                return Err(format!("{name} is of group {group}, and there are {}", self.groups.len()));
            }
            if !shape.contains(&0) && shape.iter().try_fold(1_usize, |elements, &size| elements.checked_mul(size)).is_none() {
                return Err(format!("{name} is of shape {shape:?}, whose elements cannot be counted"));
            }
            let keys = [VALUE, STEPS, PENDING, SCALARS, HYPER].into_iter().chain(lanes.iter().map(|lane| &*lane.key));
            for tensor in keys.map(|key| format!("{name}/{key}")) {
                if let Some(tensor) = tensors.replace(tensor) {
                    return Err(format!("{tensor} is there twice"));
                }
            }
            // In the place of some dimensions there may be one number. A rule may count a tensor as one of another shape: then numbers are of as many elements each,
            // and one dimension of them at least is 1. What is of axes has a number for each of their indices, and squares of axes are in one.
            let alike = |own: &[usize]| own.len() == shape.len() && own.iter().zip(shape).all(|(own, size)| own == size || *own == 1);
            let count = |shape: &[usize]| shape.iter().try_fold(1_usize, |elements, &size| elements.checked_mul(size));
            let divides = |own: usize, all: usize| own == all || all.checked_rem(own) == Some(0);
            let counted = |own: &[usize]| own.contains(&1) && count(own).zip(count(shape)).is_some_and(|(own, all)| divides(own, all));
            let of_axes = |own: &[usize]| *own == *lane_shape(shape, Extent::Axes);
            let fits = |own: &[usize]| alike(own) || counted(own) || of_axes(own) || are_squares(own, shape);
            if let Some(lane) = lanes.iter().find(|lane| lane.format().is_none()) {
                return Err(format!("{} is of the dtype {}, which is not known", param.tensor_name(lane), lane.dtype));
            }
            let of_blocks = |lane: &LaneOutline| lane.shape == [Extents::of(shape).count(Extent::Blocks) as usize];
            let has_scales = |lane: &&LaneOutline| lane.format().is_some_and(Format::has_scales);
            if let Some(lane) = lanes.iter().filter(has_scales).find(|lane| !param.scale_of(lane).is_some_and(of_blocks)) {
                return Err(format!("{} has no {SCALE} for each block", param.tensor_name(lane)));
            }
            let is_scale = |lane: &LaneOutline| lane.key.ends_with(SCALE) && of_blocks(lane);
            let is_packed = |lane: &LaneOutline| !lane.dtype.is_empty() && lane.shape != *shape;
            if let Some(lane) = lanes.iter().find(|lane| (!fits(&lane.shape) && !is_scale(lane)) || is_packed(lane)) {
                let (tensor, own) = (param.tensor_name(lane), &lane.shape);
                return Err(format!("{tensor} is of shape {own:?}, which does not go with {name} of shape {shape:?}"));
            }
        }
        Ok(())
    }
}

impl LaneOutline {
    /// What it is stored as, if that is known.
    fn format(&self) -> Option<Format> {
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
    fn is_plain(&self) -> bool {
        self.lanes.iter().all(|lane| lane.dtype.is_empty())
    }

    /// The scales of a lane's blocks.
    fn scale_of(&self, lane: &LaneOutline) -> Option<&LaneOutline> {
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
