//! Parses and validates every kernel that can be composed for a rule, without a GPU.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{LazyLock, Mutex, PoisonError};

use naga::valid::{Capabilities, ValidationFlags, Validator};

use super::kernels::{in_halves, is_plain, kernels, of_shapes, of_some_rows, stored, with_copy};
use super::{Failure, Outcome};
use crate::program::{Kernel, Kind, Line, ParamEntry, Row};
use crate::rule::{AnyRule, Beta, Extent, Field, Layout as _};
use crate::step::takes_some_rows;
use crate::step::{
    Clip, Ema, Group, Lookahead, LossScale, MicroBatches, NonFinite, NormClip, Options, ParamSettings, Status, StepKind, Swa,
};
use crate::storage::Dtype;
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
    let seen = Kernels { rule: rule.name() };
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
            if kernel.kind.listed && !step_kind.averages.is_empty() {
                seen.valid(&wgsl::averaged(rule, &kernel, &step_kind), any)?;
            }
            if step_kind.views {
                seen.valid(&wgsl::shown(rule, &kernel, &step_kind), |module| members(module, "Chunk", Row::FIELDS))?;
            }
            if kernel.pairs.len() == 1 {
                let (copied, last) = (with_copy(&kernel), rule.stages().len() - 1);
                seen.valid_within(&wgsl::stage(rule, last, &copied, &step_kind), usize::MAX, any)?;
                seen.valid(&wgsl::copied(&copied, &step_kind), any)?;
                if step_kind.views {
                    seen.valid(&wgsl::shown(rule, &copied, &step_kind), any)?;
                }
            }
        }
        // Of lists, one layout: how arrays are laid out makes no difference to what they hold.
        let listed = || kernels().flat_map(of_some_rows).filter(|own| own.kind.listed && is_plain(own) && takes_some_rows(rule));
        let shaped = || kernels().flat_map(|kernel| of_shapes(rule, kernel)).chain(listed());
        for kernel in shaped().flat_map(|kernel| stored(rule, &kernel)) {
            for stage in over_elements(rule, &kernel) {
                seen.valid(&wgsl::stage(rule, stage, &kernel, &step_kind), any)?;
            }
            if kernel.kind.listed && !step_kind.averages.is_empty() {
                seen.valid(&wgsl::averaged(rule, &kernel, &step_kind), any)?;
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
        let plain = shaped().filter(|kernel| !kernel.kind.adaptive);
        for kernel in plain.flat_map(|kernel| in_halves(&kernel)) {
            if kernel.kind.listed && (kernel.kind.mastered || !step_kind.averages.is_empty()) {
                seen.valid(&wgsl::averaged(rule, &kernel, &step_kind), any)?;
            }
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
    let seen = Kernels { rule: "" };
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

/// Storage buffers of a kernel by WebGPU's defaults.
const WEBGPU: usize = 8;

/// Texts that are valid, or that some row of the process is looking at, by their hashes: a rule's cases have most of them in common.
static TEXTS: LazyLock<Mutex<HashSet<u64>>> = LazyLock::new(Mutex::default);

/// Looks at each text of a rule once.
struct Kernels {
    rule: &'static str,
}

impl Kernels {
    /// A kernel that binds as many buffers as WebGPU allows.
    fn valid(&self, shader: &wgsl::Shader, check: impl FnOnce(&naga::Module) -> Outcome) -> Outcome {
        self.valid_within(shader, WEBGPU, check)
    }

    fn valid_within(&self, shader: &wgsl::Shader, most: usize, check: impl FnOnce(&naga::Module) -> Outcome) -> Outcome {
        if shader.slots.len() > most {
            return Err(Failure(format!("{} storage buffers, and {most} are the most", shader.slots.len())));
        }
        let mut hasher = DefaultHasher::new();
        (self.rule, &shader.source).hash(&mut hasher);
        let text = hasher.finish();
        let texts = || TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
        if !texts().insert(text) {
            return Ok(());
        }
        let checked = module(&shader.source).and_then(|module| check(&module));
        if checked.is_err() {
            texts().remove(&text);
        }
        checked
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_not_valid_is_told_each_time() {
        let seen = Kernels { rule: "none" };
        let shader = |source: &str| wgsl::Shader { source: source.into(), slots: Vec::new(), own: 0..0 };
        for _ in 0..2 {
            assert!(seen.valid(&shader("fn f() -> f32 { return 1u; }"), any).is_err());
            assert!(seen.valid(&shader("fn f() -> f32 { return 1.0; }"), any).is_ok());
        }
        // Checks of a text that is known as valid are not made again; those of another rule are.
        let fails = |_: &naga::Module| Err(Failure("another".into()));
        assert!(seen.valid(&shader("fn f() -> f32 { return 1.0; }"), fails).is_ok());
        assert!(Kernels { rule: "another" }.valid(&shader("fn f() -> f32 { return 1.0; }"), fails).is_err());
    }
}
