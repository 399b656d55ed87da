//! Parses and validates every kernel that can be composed for a rule, without a GPU.

use std::collections::HashSet;

use naga::valid::{Capabilities, ValidationFlags, Validator};

use super::{Failure, Outcome};
use crate::program::{Access, Array, Division, Kernel, Kind, Line, Pair, ParamEntry, Row};
use crate::rule::{AnyRule, Beta, Extent, Field, Layout as _};
use crate::step::{
    Clip, Ema, Group, Lookahead, LossScale, MicroBatches, NonFinite, NormClip, Options, ParamSettings, Status, StepKind, Swa,
};
use crate::step::{StateStorage, Storable, takes_some_rows};
use crate::storage::{Dtype, Format, Rounding};
use crate::wgsl;

/// Every kernel that can be composed for a rule parses and validates, with no GPU at all, and its structs are what Rust says they are: without options,
/// and with all of them at once.
///
/// # Errors
///
/// What naga says about the first kernel that is not valid, or the member of a struct that differs.
pub fn kernels_are_valid(rule: &dyn AnyRule) -> Outcome {
    let all = Options {
        clip: Clip::Norm(NormClip::default()),
        loss_scale: LossScale::Dynamic(Default::default()),
        non_finite: NonFinite::Skip,
        micro_batches: MicroBatches::Mean,
        zero_grad: true,
        lookahead: Some(Lookahead::default()),
        ema: Some(Ema::default()),
        swa: Some(Swa::default()),
        measure_update: true,
        state: Default::default(),
    };
    let group = Group::<()>::new(rule.boxed(), []);
    let everything = StepKind { clamps: true, schedules: true, ..StepKind::of(&all, core::slice::from_ref(&group)) };
    let mut seen = Kernels::default();
    for step_kind in [StepKind::of(&Options::default(), core::slice::from_ref(&group)), everything] {
        let some_rows = kernels().flat_map(of_some_rows).filter(|_| takes_some_rows(rule));
        for kernel in kernels().flat_map(|kernel| of_shapes(rule, kernel)).chain(some_rows) {
            for stage in over_elements(rule, &kernel) {
                // Rows that count their own steps, with all that there is besides, take one more than WebGPU has; an optimizer says so.
                let most = WEBGPU + usize::from(kernel.kind.counted);
                seen.valid_within(&wgsl::stage(rule, stage, &kernel, &step_kind), most, |module| {
                    layouts(module, rule)?;
                    members(module, "Chunk", Row::FIELDS)?;
                    members(module, "ParamEntry", ParamEntry::FIELDS)
                })?;
            }
            if step_kind.views && !kernel.kind.listed {
                seen.valid(&wgsl::shown(rule, &kernel, &step_kind), |module| members(module, "Chunk", Row::FIELDS))?;
            }
            if !kernel.kind.listed && kernel.pairs.len() == 1 {
                let (copied, last) = (with_copy(&kernel), rule.stages().len() - 1);
                seen.valid_within(&wgsl::stage(rule, last, &copied, &step_kind), usize::MAX, any)?;
                seen.valid(&wgsl::copied(&copied, &step_kind), any)?;
                if step_kind.views {
                    seen.valid(&wgsl::shown(rule, &copied, &step_kind), any)?;
                }
            }
        }
        for kernel in kernels().flat_map(|kernel| of_shapes(rule, kernel)).flat_map(|kernel| stored(rule, &kernel)) {
            for stage in over_elements(rule, &kernel) {
                seen.valid(&wgsl::stage(rule, stage, &kernel, &step_kind), any)?;
            }
            if step_kind.views {
                seen.valid(&wgsl::shown(rule, &kernel, &step_kind), any)?;
            }
            if step_kind.accumulates && kernel.kind.storage.accumulated != Dtype::F32 {
                seen.valid(&wgsl::accumulate(rule, &kernel, &step_kind), any)?;
                for (adaptive, whole_units) in [(false, false), (true, false), (true, true)] {
                    let kind = Kind { adaptive, whole_units, tiled: false, ..kernel.kind };
                    seen.valid(&wgsl::measure(rule, &Kernel { kind, ..kernel.clone() }, &step_kind), any)?;
                }
            }
        }
        let plain = kernels().filter(|kernel| !kernel.kind.adaptive);
        for kernel in plain.flat_map(|kernel| of_shapes(rule, kernel)).flat_map(|kernel| in_halves(&kernel)) {
            for stage in over_elements(rule, &kernel) {
                seen.valid(&wgsl::stage(rule, stage, &kernel, &step_kind), any)?;
            }
            if step_kind.views && (kernel.kind.mastered || !rule.has_views()) {
                seen.valid(&wgsl::shown(rule, &kernel, &step_kind), any)?;
            }
        }
        for (stage, own) in rule.stages().iter().enumerate().filter(|(stage, _)| stage + 1 < rule.stages().len()) {
            for is_matrix in [false, true].into_iter().filter(|&is_matrix| own.over != Extent::Elements && rule.runs(stage, is_matrix)) {
                seen.valid(&wgsl::lines(rule, stage, is_matrix, 256, &step_kind), |module| members(module, "Line", Line::FIELDS))?;
            }
            if rule.sums().iter().any(|sum| sum.extent.is_whole() && own.forms(sum.name)) {
                seen.valid(&wgsl::resume(rule, stage, 1, 256, &step_kind), |module| layouts(module, rule))?;
            }
        }
        let common = |module: &naga::Module| {
            members(module, "Status", Status::FIELDS)?;
            members(module, "ParamSettings", ParamSettings::FIELDS)
        };
        seen.valid(&wgsl::unit_factors(256, &step_kind), common)?;
        for number in 0..2 {
            seen.valid(&wgsl::prepare(rule, number, 256, &step_kind), |module| layouts(module, rule).and_then(|()| common(module)))?;
        }
    }
    Ok(())
}

/// The kernel for matrices and for others, where a rule tells them apart, and for rows of any length, where it works tile by tile.
fn of_shapes(rule: &dyn AnyRule, kernel: Kernel) -> impl Iterator<Item = Kernel> {
    let shapes = if rule.tells_matrices() { &[false, true][..] } else { &[false] };
    let tiled = move |matrix: bool| rule.is_tiled(matrix);
    let scalar = kernel.arrays.iter().any(|array| array.access == Access::Scalar && !array.scales);
    shapes.iter().map(move |&matrix| {
        let kind = Kind { matrix, tiled: tiled(matrix), uneven: tiled(matrix) && scalar, ..kernel.kind };
        Kernel { kind, ..kernel.clone() }
    })
}

/// The stages over elements that run for such tensors.
fn over_elements(rule: &dyn AnyRule, kernel: &Kernel) -> impl Iterator<Item = usize> {
    let runs = |&stage: &usize| rule.stages()[stage].over == Extent::Elements && rule.runs(stage, kernel.kind.matrix);
    (0..rule.stages().len()).filter(runs)
}

/// The kernels that do not know a rule are valid too.
///
/// # Errors
///
/// What naga says about the first kernel that is not valid.
pub fn tasks_are_valid() -> Outcome {
    let mut seen = Kernels::default();
    // Any will do: they do not know it.
    let Some(rule) = crate::rules::all().into_iter().next() else { return Ok(()) };
    let halves = kernels().flat_map(|kernel| in_halves(&kernel));
    let all = kernels().flat_map(|kernel| [kernel.clone()].into_iter().chain(of_some_rows(kernel)));
    for kernel in all.chain(halves) {
        for flag in [false, true] {
            // What a list has is measured as if it were masked.
            let masked = Kernel { kind: Kind { masked: kernel.kind.masked || kernel.kind.listed, ..kernel.kind }, ..kernel.clone() };
            let step_kind = StepKind { zero_grad: flag, views: flag, accumulates: flag, ..StepKind::default() };
            seen.valid(&wgsl::measure(&*rule, &masked, &step_kind), any)?;
            seen.valid(&wgsl::accumulate(&*rule, &kernel, &StepKind { accumulates: true, ..step_kind }), any)?;
        }
    }
    for views in [false, true] {
        let step_kind =
            StepKind { views, averages: Options { ema: views.then(Ema::default), ..Options::default() }.averages(), ..StepKind::default() };
        seen.valid(&wgsl::count(256, &step_kind), any)?;
        seen.valid(&wgsl::view(0, 256, &step_kind), |module| members(module, "Status", Status::FIELDS))?;
    }
    seen.valid(&wgsl::collect(256, 7), any)?;
    seen.valid(&wgsl::scales(256), any)?;
    seen.valid(&wgsl::report(256), any)
}

/// Every way to access a bucket: of one pair, in two buffers, in one, or far from each other in one, and of two pairs; without scales and with them.
fn kernels() -> impl Iterator<Item = Kernel> {
    let narrow = Division::GPU.at_most(64);
    let accesses = [
        (Division::GPU, Access::Vector),
        (narrow, Access::Vector),
        (Division::SOFTWARE, Access::Vector64),
        (Division::GPU, Access::Scalar),
        (Division::SOFTWARE, Access::Scalar),
    ];
    let flags = [(false, false), (true, false), (false, true), (true, true)];
    let all = accesses.into_iter().flat_map(move |access| flags.map(move |flags| (access, flags)));
    all.flat_map(|((division, access), (scaled, adaptive))| {
        let array = |values, gradients, written| Array { access, values, gradients, written, ..Array::default() };
        let (values, gradients, scales) = (array(true, false, true), array(false, true, false), Array { scales: true, ..Array::default() });
        let kind = Kind { scaled, adaptive, whole_units: access != Access::Scalar, ..Kind::default() };
        let pair = |values, gradients, scales| Pair { values, gradients, scales: scaled.then_some(scales), mask: None, copy: None };
        let layouts = [
            (vec![values, gradients, scales], vec![pair(0, 1, 2)]),
            (vec![array(true, true, true), scales], vec![pair(0, 0, 1)]),
            (vec![values, array(false, true, true), scales], vec![pair(0, 1, 2)]),
            // Eight buffers are not enough for two pairs and their scales.
            (vec![values, gradients, gradients], vec![pair(0, 1, 1), pair(0, 2, 2)]),
        ];
        let layouts = layouts.into_iter().filter(move |(_, pairs)| !scaled || pairs.len() == 1);
        layouts.map(move |(mut arrays, pairs)| {
            arrays.retain(|array| scaled || !array.scales);
            Kernel { kind, division, arrays, pairs }
        })
    })
}

/// The kernel, of one pair, for some rows: with a mask, whose rows have whole vectors or not, and count their own steps or not; and with a list of rows.
fn of_some_rows(kernel: Kernel) -> impl Iterator<Item = Kernel> {
    let flags =
        [(false, false, false), (true, false, false), (false, true, false), (true, true, false), (false, false, true), (true, false, true)];
    let of = move |(whole_rows, counted, listed): (bool, bool, bool)| {
        let mut own = kernel.clone();
        own.kind = Kind { masked: !listed, whole_rows, counted, listed, uneven: listed && !whole_rows, ..own.kind };
        own.pairs.iter_mut().for_each(|pair| pair.mask = Some(own.arrays.len()));
        own.arrays.push(Array { masks: true, ..Array::default() });
        own
    };
    flags.into_iter().map(of).filter(|own| own.pairs.len() == 1 && !(own.kind.listed && own.kind.adaptive))
}

/// The kernel of one pair with states in fewer bits, where the rule has some that can be.
fn stored(rule: &dyn AnyRule, kernel: &Kernel) -> Vec<Kernel> {
    // How arrays are laid out makes no difference to states.
    let is_one = kernel.pairs.len() == 1 && !kernel.arrays[0].gradients && !kernel.arrays[1].written;
    if !is_one || kernel.kind.scaled || kernel.kind.adaptive || kernel.arrays[0].access == Access::Scalar {
        return Vec::new();
    }
    let drawn = StateStorage { rounding: Rounding::Stochastic { seed: 1 }, ..StateStorage::all(Dtype::Bf16) };
    let mixed = StateStorage { v: Dtype::Dynamic8, ..drawn };
    let kept = StateStorage { averages: Dtype::Bf16, accumulated: Dtype::Bf16, ..StateStorage::all(Dtype::F16) };
    let all = [StateStorage::all(Dtype::F16), StateStorage::all(Dtype::Dynamic8), drawn, mixed, kept];
    let row_length = if kernel.kind.uneven { 3 } else { 4 * u64::from(kernel.kind.tiled) };
    let tensor = Storable {
        param: "",
        elements: 1 << 20,
        is_matrix: kernel.kind.matrix,
        masked: false,
        row_length,
        averages: true,
        accumulates: true,
    };
    let storages = all.into_iter().filter_map(|storage| storage.of(rule, &tensor).ok());
    let storages = storages.filter(|storage| *storage != StateStorage::default());
    storages.map(|storage| Kernel { kind: Kind { storage, ..kernel.kind }, ..kernel.clone() }).collect()
}

/// The kernel of one pair with values and gradients in fewer bits, of which both kinds may be in one array.
fn in_halves(kernel: &Kernel) -> Vec<Kernel> {
    // How rows are divided makes no difference to them.
    if kernel.pairs.len() > 1 || kernel.kind.scaled || kernel.division != Division::GPU {
        return Vec::new();
    }
    let ways = [
        (Format::F32, Format::F16, false),
        (Format::Bf16, Format::F32, false),
        (Format::F16, Format::Bf16, false),
        (Format::Bf16, Format::Bf16, true),
    ];
    let of = |(values, gradients, mastered): (Format, Format, bool)| {
        let mut own = kernel.clone();
        own.kind = Kind { values, gradients, mastered, ..own.kind };
        for array in &mut own.arrays {
            let all = [(array.values, values), (array.gradients, gradients)];
            let formats: Vec<bool> = all.into_iter().filter(|(has, _)| *has).map(|(_, format)| format != Format::F32).collect();
            array.halves = formats.contains(&true);
            if array.halves && formats.contains(&false) {
                array.access = Access::Scalar;
            }
        }
        own
    };
    ways.map(of).into()
}

/// The kernel with a copy of the values in bf16.
fn with_copy(kernel: &Kernel) -> Kernel {
    let mut own = kernel.clone();
    own.kind.copied = true;
    own.pairs.iter_mut().for_each(|pair| pair.copy = Some(own.arrays.len()));
    own.arrays.push(Array { copies: true, written: true, ..Array::default() });
    own
}

/// Storage buffers of a kernel by WebGPU's defaults.
const WEBGPU: usize = 8;

/// Kernels that have been looked at: what differs in nothing that a kernel depends on is the same text.
#[derive(Default)]
struct Kernels {
    texts: HashSet<String>,
}

impl Kernels {
    /// A kernel that binds as many buffers as WebGPU allows.
    fn valid(&mut self, shader: &wgsl::Shader, check: impl FnOnce(&naga::Module) -> Outcome) -> Outcome {
        self.valid_within(shader, WEBGPU, check)
    }

    fn valid_within(&mut self, shader: &wgsl::Shader, most: usize, check: impl FnOnce(&naga::Module) -> Outcome) -> Outcome {
        if shader.slots.len() > most {
            return Err(Failure(format!("{} storage buffers, and {most} are the most", shader.slots.len())));
        }
        if self.texts.contains(&shader.source) {
            return Ok(());
        }
        check(&module(&shader.source)?)?;
        self.texts.insert(shader.source.clone());
        Ok(())
    }
}

/// For a kernel whose structs need no look.
fn any(_module: &naga::Module) -> Outcome {
    Ok(())
}

/// The rule's structs.
fn layouts(module: &naga::Module, rule: &dyn AnyRule) -> Outcome {
    let scalars: Vec<Field> = rule.scalar_fields().iter().map(|&name| Field { name, wgsl: "f32" }).collect();
    members(module, "Hyper", rule.hyper_fields())?;
    if rule.hyper_fields().iter().any(|field| field.wgsl == "Beta") {
        members(module, "Beta", Beta::<f32>::FIELDS)?;
    }
    members(module, "Scalars", &scalars)
}

/// The text as naga sees it, or what is wrong with it.
///
/// # Errors
///
/// What naga says, with the place in the text.
pub fn module(source: &str) -> Result<naga::Module, Failure> {
    let module = naga::front::wgsl::parse_str(source).map_err(|error| error.emit_to_string(source))?;
    // What WebGPU knows, except in the kernels for software adapters and those that ask for f16: a rule's own text has no more, or it would not run elsewhere.
    let is_software = source.contains("array<vec2<u64>>");
    let capabilities = match (is_software, source.starts_with("enable f16;")) {
        (true, _) => Capabilities::SHADER_INT64,
        (_, true) => Capabilities::SHADER_FLOAT16,
        _ => Capabilities::empty(),
    };
    let mut validator = Validator::new(ValidationFlags::all(), capabilities);
    validator.validate(&module).map_err(|error| error.emit_to_string(source))?;
    Ok(module)
}

/// The members of a struct, with names, offsets and types.
fn structure(module: &naga::Module, name: &str) -> Vec<(String, u32, naga::TypeInner)> {
    let find = |ty: &naga::Type| match &ty.inner {
        naga::TypeInner::Struct { members, .. } if ty.name.as_deref() == Some(name) => Some(members.clone()),
        _ => None,
    };
    let members = module.types.iter().find_map(|(_, ty)| find(ty)).unwrap_or_default();
    members.into_iter().map(|member| (member.name.unwrap_or_default(), member.offset, module.types[member.ty].inner.clone())).collect()
}

/// WGSL's struct has these members, in this order, without gaps.
fn members(module: &naga::Module, name: &str, fields: &[Field]) -> Outcome {
    let found = structure(module, name);
    let mut word = 0;
    for (index, field) in fields.iter().enumerate() {
        let kind = if field.wgsl == "u32" { naga::Scalar::U32 } else { naga::Scalar::F32 };
        let (scalar, found) = (naga::TypeInner::Scalar(kind), found.get(index));
        let is_expected = found.is_some_and(|(own, at, ty)| {
            let is_struct = matches!(ty, naga::TypeInner::Struct { .. }) && field.wgsl == "Beta";
            *own == field.name && *at == 4 * word as u32 && (*ty == scalar || is_struct)
        });
        if !is_expected {
            return Err(Failure(format!("{name}: member {index} is {found:?}, expected {field:?} at word {word}")));
        }
        word += field.words().len();
    }
    Ok(())
}
