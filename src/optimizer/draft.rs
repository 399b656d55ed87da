//! What an optimizer is going to be, before there is anything of it on the device.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::buffers::{Buffers, TensorView};
use super::{Group, Parameter, orthogonal, squares};
use crate::coalesce::{self, Coalesce, RowGradients};
use crate::error::{Error, Result};
use crate::gpu::{Member, Param, Pipelines, RecordLayout, SparseRows};
use crate::program::{self, Kind, LINES, Limits, Lines, Segment, Sets, Tensor, Tiles, Unit, Widths};
use crate::rule::AnyRule;
use crate::step::{ACCUMULATED, Broadcast, Config, LaneRole, MaskedRows, Options, StepKind, Storable, check_micro_batches, check_one};
use crate::storage::Format;

/// What an optimizer is going to be: everything that can be decided without a device.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) config: Config,
    pub(super) parameters: Vec<Parameter>,
    pub(super) names: HashMap<String, usize>,
    pub(super) layout: RecordLayout,
    pub(super) sets: Sets,
    /// Elements of each buffer for the numbers of rows, columns and slices.
    pub(super) lines: Vec<u64>,
}

impl Draft {
    pub(super) fn new(options: Options) -> Result<Self> {
        let (parameters, names, layout, sets) = (Vec::new(), HashMap::new(), RecordLayout::default(), Sets::default());
        Ok(Draft { config: Config::new(options)?, parameters, names, layout, sets, lines: Vec::new() })
    }

    /// More groups. Their parameters are put together in sets of their own.
    pub(super) fn add_all(&mut self, groups: Vec<Group>, limits: &Limits, pipelines: &Pipelines) -> Result<()> {
        let first = self.parameters.len();
        groups.into_iter().try_for_each(|group| self.add(group, limits, pipelines))?;
        self.place_lines(first, limits)?;
        self.put_together(first, limits, pipelines.device().features())?;
        self.sets.close();
        Ok(())
    }

    fn add(&mut self, group: Group, limits: &Limits, pipelines: &Pipelines) -> Result<()> {
        let number = self.config.groups.len();
        let params = self.config.add(group)?;
        self.layout.push_clip();
        let rule = self.config.groups[number].rule.clone();
        let step_kind = self.config.step_kind();
        let variant = self.variant(&*rule);
        for param in params {
            let elements = param.check()?;
            if self.names.insert(param.name.clone(), self.parameters.len()).is_some() {
                return Err(Error::DuplicateName { param: param.name });
            }
            let block = self.config.block(number, &param.name, param.lr_scale)?;
            self.push_blocks();
            param.storage().check_rule(&param.name, &*rule)?;
            let scale = scale(&*rule, &param)?;
            let masked = param.row_mask.as_ref();
            let masked = masked.map(|mask| MaskedRows::masked(&param.name, &param.shape, elements, &*rule, mask.own_steps)).transpose()?;
            check_one(&param.name, param.row_mask.is_some(), param.sparse.is_some())?;
            let sparse = self.sparse(number, &param, elements, pipelines)?;
            let masked = masked.or(sparse.as_ref().map(|(rows, _)| *rows));
            let listed = sparse.is_some();
            // Of a row-sparse gradient units are the rows that it is of.
            let measured = sparse.as_ref().map_or(elements, |(_, own)| own.summed().size() / 4);
            let unit = self.unit(number, &param, measured)?;
            // Where branches are skipped, one kernel serves units of any length.
            let whole_units = !limits.division.skips_branches && unit.is_some_and(|unit| unit.length.is_multiple_of(4));
            let counted = rule.extents(&param.name, &param.shape)?;
            let extents = masked.map_or(counted, |rows| rows.extents(elements));
            let matrix = counted.is_matrix && rule.tells_matrices();
            let tiled = rule.is_tiled(counted.is_matrix);
            let uneven = (tiled || listed) && !extents.width().is_multiple_of(4);
            let whole_rows = masked.is_some_and(|rows| rows.length.is_multiple_of(4));
            let (scaled, adaptive) = (scale.is_some(), unit.is_some());
            let counted = masked.is_some_and(|rows| rows.own_steps);
            let by_rows = if tiled || listed { extents.width() } else { 0 };
            let storable = Storable {
                param: &param.name,
                elements,
                is_matrix: matrix,
                masked: masked.is_some(),
                listed,
                row_length: by_rows,
                averages: !step_kind.averages.is_empty(),
                accumulates: step_kind.accumulates && !listed,
            };
            let storage = self.config.state(number).of(&*rule, &storable)?;
            let kind = Kind {
                group: variant,
                scaled,
                masked: masked.is_some() && !listed,
                listed,
                counted,
                whole_rows,
                adaptive,
                whole_units,
                matrix,
                tiled,
                uneven,
                copied: param.bf16_copy.is_some(),
                storage,
                values: param.storage().values(),
                // What is coalesced is f32.
                gradients: if listed { Format::F32 } else { param.storage().gradients() },
                mastered: param.master,
            };
            let lanes = widths(&step_kind, &*rule, kind);
            let row_sums = rule.line_sums(matrix)[0];
            let tiles = tiled.then(|| Tiles::new(&extents, program::most(&lanes, limits), row_sums, &limits.division));
            let record = self.layout.push_entry(&*rule, step_kind.averages.len(), tiled);
            let member = Member { group: number, block, record, active: !param.frozen };
            let lines = Lines::default();
            self.parameters.push(Parameter {
                param,
                elements,
                extents,
                kind,
                state: Vec::new(),
                tiles,
                lines,
                unit,
                scale,
                masked,
                sparse: sparse.map(|(_, own)| own),
                member,
            });
        }
        self.push_blocks();
        Ok(())
    }

    /// Finds room for the numbers of rows, columns and slices of the parameters from `first` on: a buffer for those that run one kernel, which writes it.
    fn place_lines(&mut self, first: usize, limits: &Limits) -> Result<()> {
        let (step_kind, before) = (self.config.step_kind(), self.lines.len());
        let mut numbers: HashMap<(usize, bool, bool), usize> = HashMap::new();
        let allowed = limits.binding.min(limits.buffer);
        let mut squares = None;
        for parameter in &mut self.parameters[first..] {
            let (kind, rule) = (parameter.kind, &*self.config.groups[parameter.member.group].rule);
            if !kind.tiled && !kind.counted && !rule.keeps_squares() {
                continue;
            }
            squares::check(parameter, rule, limits)?;
            let lanes = step_kind.wide_lanes(rule, kind.keeps());
            let count = |extent| lanes.iter().filter(|lane| lane.extent == extent).count();
            let shape = (&parameter.extents, parameter.tiles.as_ref());
            let place = |number, end| Lines::new(number, end, shape, LINES.map(count), limits);
            // Kernels over elements do not read squares, so these may lie in as many buffers as they need.
            let number = match squares {
                _ if !rule.keeps_squares() => *numbers.entry((kind.group, kind.matrix, kind.counted)).or_insert(self.lines.len()),
                Some(open) if 4 * place(open, self.lines[open]).1 <= allowed => open,
                _ => *squares.insert(self.lines.len()),
            };
            self.lines.resize(self.lines.len().max(number + 1), 0);
            (parameter.lines, self.lines[number]) = place(number, self.lines[number]);
        }
        let most = self.lines[before..].iter().max().copied().unwrap_or_default();
        if 4 * most > allowed {
            let (what, limit) = ("the numbers of rows and columns".to_owned(), "max_storage_buffer_binding_size");
            return Err(Error::Limit { what, needed: 4 * most, limit, allowed });
        }
        Ok(())
    }

    /// Finds a set, and room for the state, for the parameters from `first` on.
    fn put_together(&mut self, first: usize, limits: &Limits, features: wgpu::Features) -> Result<()> {
        let (mut buffers, step_kind) = (Buffers::default(), self.config.step_kind());
        let new = self.parameters.iter().enumerate().skip(first);
        let view = TensorView { config: &self.config, step_kind: &step_kind, hyper: &self.layout.hyper, limits };
        let tensors: Vec<Tensor> = new.map(|parameter| view.tensor(parameter, &mut buffers)).collect();
        let by_scalars = by_scalars(&tensors, limits);
        for (parameter, tensor) in self.parameters[first..].iter_mut().zip(&tensors) {
            check_room(parameter, tensor.room, limits)?;
            let lanes = widths(&step_kind, &*self.config.groups[parameter.member.group].rule, parameter.kind);
            let scalar = !tensor.is_of_vectors() || parameter.kind.uneven || by_scalars.contains(&tensor.value.buffer);
            parameter.state = self.sets.place(&lanes, tensor, scalar, limits);
            check_state(parameter, &self.config, limits)?;
            check_rows(parameter, limits)?;
            let rule = &*self.config.groups[parameter.member.group].rule;
            orthogonal::check(parameter, rule, limits, features)?;
            squares::check_state(parameter, rule, limits)?;
        }
        Ok(())
    }

    fn push_blocks(&mut self) {
        for block in &self.config.blocks.list[self.layout.hyper.len()..] {
            self.layout.push_block(&*block.rule);
        }
    }

    /// The kernel variant of a rule, numbered by the first group that has it: groups with one rule and the same states and sums in use share kernels.
    fn variant(&self, rule: &dyn AnyRule) -> usize {
        let same = |other: &dyn AnyRule| other.is_like(rule) && other.uses_what(rule);
        self.config.groups.iter().position(|group| same(&*group.rule)).unwrap_or_default()
    }

    /// The rows of a parameter with a row-sparse gradient, and what coalesces it.
    fn sparse(&self, group: usize, param: &Param, elements: u64, pipelines: &Pipelines) -> Result<Option<(MaskedRows, Arc<Coalesce>)>> {
        let Some(SparseRows { rows, count, micro_batches }) = &param.sparse else { return Ok(None) };
        let (rule, options) = (&*self.config.groups[group].rule, &self.config.options);
        let own = MaskedRows::sparse(&param.name, &param.shape, elements, rule, &self.config.clip(group))?;
        let most = u32::try_from(rows.elements()).unwrap_or(u32::MAX);
        let shape = coalesce::Shape { rows: own.count, width: own.length, most };
        let (gradient, dtype) = (param.gradient.clone(), param.gradient_dtype);
        let source = RowGradients { rows: rows.clone(), gradient, dtype, count: count.clone() };
        let made = match options.accumulates() {
            true => Coalesce::of_micro_batches(pipelines, &param.name, shape, &source, check_micro_batches(&param.name, *micro_batches)?),
            false => Coalesce::new(pipelines, &param.name, shape, &source),
        };
        Ok(Some((own, Arc::new(made?))))
    }

    /// The units of a parameter whose gradients are clipped adaptively.
    fn unit(&mut self, group: usize, param: &Param, elements: u64) -> Result<Option<Unit>> {
        let Some(length) = self.config.clip(group).unit(&param.shape) else { return Ok(None) };
        let length = u32::try_from(elements).and_then(|_| u32::try_from(length)).map_err(|_| Error::Limit {
            what: format!("{}: adaptive clipping", param.name),
            needed: elements,
            limit: "number of elements in 32 bits",
            allowed: u64::from(u32::MAX),
        })?;
        Ok(Some(Unit { factors: self.layout.push_factors(elements / u64::from(length)), length }))
    }
}

/// How the lanes of a parameter lie.
fn widths(step_kind: &StepKind, rule: &dyn AnyRule, kind: Kind) -> Widths {
    let lanes = step_kind.lanes_in_pages(rule, kind.keeps());
    Widths::new(lanes.iter().map(|lane| (lane.format.bits(), lane.role == LaneRole::Scale)))
}

/// The buffers whose values are all accessed one by one, since vectors cannot serve some of them and would serve few: then one dispatch does for all, where
/// else two would write one buffer, and one of them wait.
fn by_scalars(tensors: &[Tensor], limits: &Limits) -> HashSet<usize> {
    let mut mixed: HashMap<usize, (bool, u64)> = HashMap::new();
    for tensor in tensors {
        let (needs_scalars, vectors) = mixed.entry(tensor.value.buffer).or_default();
        *needs_scalars |= !tensor.is_of_vectors();
        *vectors += if tensor.is_of_vectors() { tensor.len } else { 0 };
    }
    mixed
        .into_iter()
        .filter(|(_, (needs_scalars, vectors))| *needs_scalars && *vectors <= limits.division.scalars)
        .map(|(buffer, _)| buffer)
        .collect()
}

/// No device has so many parts as room for more than this would take.
const MOST_PARTS: u64 = 1 << 12;

/// Room that is reserved has to be in parts that can be counted.
fn check_room(parameter: &Parameter, room: u64, limits: &Limits) -> Result<()> {
    let allowed = (limits.buffer.min(limits.binding) / 4).saturating_mul(MOST_PARTS);
    if parameter.param.reserved_rows == 0 || room <= allowed {
        return Ok(());
    }
    let what = format!("{}: its reserved_rows, in elements,", parameter.param.name);
    Err(Error::Limit { what, needed: room, limit: "max_buffer_size, in 4096 buffers", allowed })
}

/// Of a table with a row-sparse gradient, rows are in one part each. What measures them for adaptive clipping reads values of any.
fn check_rows(parameter: &Parameter, limits: &Limits) -> Result<()> {
    let (Some(rows), true) = (parameter.masked, parameter.sparse.is_some()) else { return Ok(()) };
    let refused = |what: String, needed| {
        let what = format!("{}: {what}", parameter.param.name);
        Err(Error::Limit { what, needed, limit: "max_storage_buffer_binding_size", allowed: limits.binding })
    };
    let bytes = |elements| parameter.param.bytes_of_values(elements) + limits.alignment;
    let largest = parameter.parts().map(|part| part.elements.end - part.elements.start).max().unwrap_or_default();
    if bytes(largest) > limits.binding {
        let what = format!(
            "{} of its rows of {} elements, in one binding for a row-sparse gradient,",
            largest / u64::from(rows.length),
            rows.length
        );
        return refused(what, bytes(largest));
    }
    if parameter.unit.is_some() && bytes(parameter.elements) > limits.binding {
        let what = "its values, all in one binding for adaptive clipping of a row-sparse gradient,".to_owned();
        return refused(what, bytes(parameter.elements));
    }
    Ok(())
}

/// What is kept of a parameter's smallest part has to fit in one binding; all of it, if that is how it is read.
fn check_state(parameter: &Parameter, config: &Config, limits: &Limits) -> Result<()> {
    let (name, most) = (&parameter.param.name, limits.buffer.min(limits.binding));
    let accumulates = config.options.accumulates() && parameter.sparse.is_none();
    if parameter.unit.is_some() && accumulates && parameter.parts().count() > 1 {
        let what = format!(
            "{name}: adaptive clipping reads {ACCUMULATED} in one binding, and the state is in {} parts",
            parameter.parts().count()
        );
        return Err(Error::Conflict { what });
    }
    match parameter.state.iter().map(Segment::bytes).find(|&needed| needed > most) {
        Some(needed) => {
            let (what, limit) = (format!("{name}: its state"), "max_storage_buffer_binding_size");
            Err(Error::Limit { what, needed, limit, allowed: most })
        }
        None => Ok(()),
    }
}

fn scale(rule: &dyn AnyRule, param: &Param) -> Result<Option<Broadcast>> {
    let Some(scales) = &param.lr_scales else { return Ok(None) };
    if rule.tracks_values() {
        return Err(Error::ScaledState { param: param.name.clone(), rule: rule.name() });
    }
    Broadcast::new(&param.name, &param.shape, &scales.shape).map(Some)
}
