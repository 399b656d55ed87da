//! Every kernel that can be composed parses and validates, with no GPU at all; layouts are what Rust says they are.

use libtest_mimic::Trial;
use naga::valid::{Capabilities, ValidationFlags, Validator};
use wgpu_optim::plan::{Access, Gradients, Row};
use wgpu_optim::rule::{AnyRule, Field, Pass};
use wgpu_optim::{rules, wgsl};

use crate::context::Outcome;

pub fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for rule in rules::all() {
        for (case, configured) in rule.cases() {
            let name = format!("shaders/{}/{case}", rule.name());
            trials.push(Trial::test(name, move || all_valid(&*configured)));
        }
    }
    trials.push(Trial::test("shaders/an-invalid-one-is-noticed", || {
        let broken = wgsl::prepare(&wgpu_optim::Adam::default()).source.replace("bias_correction1", "bias_correction3");
        crate::checker::must_fail("an undefined name", module(&broken.replacen("bias_correction3", "x", 1)).map(drop))
    }));
    trials
}

fn all_valid(rule: &dyn AnyRule) -> Outcome {
    for access in [Access::Vector, Access::Scalar] {
        for gradients in [Gradients::Apart, Gradients::Shared, Gradients::Far] {
            let passes = [Pass::Update, Pass::Evaluate, Pass::Train];
            for pass in passes.into_iter().filter(|&pass| pass == Pass::Update || rule.has_views()) {
                let shader = wgsl::pass(rule, pass, access, gradients);
                let module = module(&shader.source)?;
                assert!(shader.slots.len() <= 8, "{} storage buffers, WebGPU's default is 8", shader.slots.len());
                members(&module, "Hyper", rule.hyper_fields())?;
                members(&module, "Scalars", &scalars(rule))?;
                row(&module)?;
            }
        }
    }
    members(&module(&wgsl::prepare(rule).source)?, "Hyper", rule.hyper_fields())
}

fn scalars(rule: &dyn AnyRule) -> Vec<Field> {
    rule.scalar_fields().iter().map(|&name| Field { name, wgsl: "f32" }).collect()
}

fn module(source: &str) -> Result<naga::Module, libtest_mimic::Failed> {
    let module = naga::front::wgsl::parse_str(source).map_err(|error| error.emit_to_string(source))?;
    let mut validator = Validator::new(ValidationFlags::all(), Capabilities::empty());
    validator.validate(&module).map_err(|error| error.emit_to_string(source))?;
    Ok(module)
}

/// The members of a struct, with names, offsets and sizes.
fn structure(module: &naga::Module, name: &str) -> Vec<(String, u32, naga::TypeInner)> {
    let find = |ty: &naga::Type| match &ty.inner {
        naga::TypeInner::Struct { members, .. } if ty.name.as_deref() == Some(name) => Some(members.clone()),
        _ => None,
    };
    let members = module.types.iter().find_map(|(_, ty)| find(ty)).unwrap_or_default();
    members.into_iter().map(|member| (member.name.unwrap_or_default(), member.offset, module.types[member.ty].inner.clone())).collect()
}

/// WGSL's struct has these members, one word each, in this order.
fn members(module: &naga::Module, name: &str, fields: &[Field]) -> Outcome {
    let found = structure(module, name);
    for (index, field) in fields.iter().enumerate() {
        let kind = if field.wgsl == "u32" { naga::Scalar::U32 } else { naga::Scalar::F32 };
        let expected = (field.name.to_owned(), 4 * index as u32, naga::TypeInner::Scalar(kind));
        assert_eq!(found.get(index), Some(&expected), "{name}.{}", field.name);
    }
    Ok(())
}

/// The `Row` that the plan writes is the one that the kernel reads.
fn row(module: &naga::Module) -> Outcome {
    let expected = [
        ("value", core::mem::offset_of!(Row, value)),
        ("gradient", core::mem::offset_of!(Row, gradient)),
        ("state", core::mem::offset_of!(Row, state)),
        ("count", core::mem::offset_of!(Row, count)),
        ("hyper", core::mem::offset_of!(Row, hyper)),
        ("record", core::mem::offset_of!(Row, record)),
    ];
    let found = structure(module, "Row");
    let found: Vec<(&str, usize)> = found.iter().map(|(name, offset, _)| (&**name, *offset as usize)).collect();
    assert_eq!((&found[..], size_of::<Row>()), (&expected[..], 4 * expected.len()));
    Ok(())
}
