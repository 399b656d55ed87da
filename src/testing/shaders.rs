use naga::valid::{Capabilities, ValidationFlags, Validator};

use super::{Failure, Outcome};
use crate::plan::{Access, Gradients, Row};
use crate::rule::{AnyRule, Field, Pass};
use crate::wgsl;

/// Every kernel that can be composed for a rule parses and validates, with no GPU at all, and its structs are what Rust says they are.
pub fn kernels_are_valid(rule: &dyn AnyRule) -> Outcome {
    let scalars: Vec<Field> = rule.scalar_fields().iter().map(|&name| Field { name, wgsl: "f32" }).collect();
    let passes = [Pass::Update, Pass::Evaluate, Pass::Train].into_iter().filter(|&pass| pass == Pass::Update || rule.has_views());
    for pass in passes {
        for access in [Access::Vector, Access::Scalar] {
            for gradients in [Gradients::Apart, Gradients::Shared, Gradients::Far] {
                let shader = wgsl::pass(rule, pass, access, gradients);
                let module = module(&shader.source)?;
                if shader.slots.len() > 8 {
                    return Err(Failure(format!("{} storage buffers, WebGPU's default is 8", shader.slots.len())));
                }
                members(&module, "Hyper", rule.hyper_fields())?;
                members(&module, "Scalars", &scalars)?;
                row(&module)?;
            }
        }
    }
    let prepare = module(&wgsl::prepare(rule).source)?;
    members(&prepare, "Hyper", rule.hyper_fields())?;
    members(&prepare, "Scalars", &scalars)
}

/// The text as naga sees it, or what is wrong with it.
pub fn module(source: &str) -> Result<naga::Module, Failure> {
    let module = naga::front::wgsl::parse_str(source).map_err(|error| error.emit_to_string(source))?;
    let mut validator = Validator::new(ValidationFlags::all(), Capabilities::empty());
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

/// WGSL's struct has these members, one word each, in this order.
fn members(module: &naga::Module, name: &str, fields: &[Field]) -> Outcome {
    let found = structure(module, name);
    for (index, field) in fields.iter().enumerate() {
        let kind = if field.wgsl == "u32" { naga::Scalar::U32 } else { naga::Scalar::F32 };
        let expected = (field.name.to_owned(), 4 * index as u32, naga::TypeInner::Scalar(kind));
        if found.get(index) != Some(&expected) {
            return Err(Failure(format!("{name}: member {index} is {:?}, expected {expected:?}", found.get(index))));
        }
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
    match found == expected && size_of::<Row>() == 4 * expected.len() {
        true => Ok(()),
        false => Err(Failure(format!("Row has {found:?}, the plan writes {expected:?}"))),
    }
}
