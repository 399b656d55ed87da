//! What the documentation of each setting says of its default and its range is what `Default` and the checks have. (Those of rules are generated.)

use std::fmt::Debug;

use libtest_mimic::Trial;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::{AdaptiveClip, Clip, DynamicScale, Ema, Lookahead, LossScale, NormClip, Options, Sgd, StateStorage, Swa};

use crate::context::Outcome;

const AVERAGES: &str = include_str!("../../src/step/averages.rs");
const CLIP: &str = include_str!("../../src/step/clip.rs");
const CPU_PARAM: &str = include_str!("../../src/cpu/param.rs");
const GROUP: &str = include_str!("../../src/step/group.rs");
const OPTIONS: &str = include_str!("../../src/step/options.rs");
const PARAM: &str = include_str!("../../src/gpu/param.rs");
const STORAGE: &str = include_str!("../../src/step/state_storage.rs");
const SCALE: &str = include_str!("../../src/step/loss_scale.rs");

/// A struct, and those of its fields that have a default.
struct Documented {
    name: &'static str,
    source: &'static str,
    fields: Vec<Field>,
    /// Fields that the constructor takes.
    taken: &'static [&'static str],
}

/// A field, its default, and whether a number is accepted, if it is one.
struct Field {
    name: &'static str,
    default: String,
    accepts: Option<Box<dyn Fn(f64) -> bool + Send>>,
}

fn plain(name: &'static str, default: impl Debug) -> Field {
    Field { name, default: format!("{default:?}"), accepts: None }
}

/// The fields of a struct, each with its type, and the options that have the struct.
macro_rules! numbers {
    ($Struct:ident { $($field:ident: $ty:ty),* }, $options:expr) => {
        vec![$(Field {
            name: stringify!($field),
            default: format!("{:?}", $Struct::default().$field),
            accepts: Some(Box::new(|x: f64| {
                let options: fn($Struct) -> Options = $options;
                accepted(param(), options($Struct { $field: x as $ty, ..Default::default() }))
            })),
        }),*]
    };
}

fn param() -> CpuParam {
    CpuParam::new("p", &[2])
}

fn accepted(param: CpuParam, options: Options) -> bool {
    CpuOptimizer::<f32>::with_options([wgpu_optim::step::Group::new(Sgd::default(), [param])], options).is_ok()
}

fn documented() -> Vec<Documented> {
    let none = Options::default();
    let norm = NormClip::default();
    let mut norms = numbers!(NormClip { max_norm: f64, eps: f64 }, |norm| Options { clip: Clip::Norm(norm), ..Default::default() });
    norms.extend([plain("order", norm.order), plain("over", norm.over)]);
    let mut emas = numbers!(Ema { decay: f64, start: u32, every: u32 }, |ema| Options { ema: Some(ema), ..Default::default() });
    emas.extend([plain("warm_up", Ema::default().warm_up), plain("debias", Ema::default().debias)]);
    let options = vec![
        plain("clip", none.clip),
        plain("loss_scale", none.loss_scale),
        plain("non_finite", none.non_finite),
        plain("micro_batches", none.micro_batches),
        plain("zero_grad", none.zero_grad),
        plain("lookahead", none.lookahead),
        plain("ema", none.ema),
        plain("swa", none.swa),
        Field { name: "state", default: "default()".into(), accepts: None },
        plain("measure_update", none.measure_update),
    ];
    let storage = StateStorage::default();
    assert_eq!(none.state, storage);
    let storages = vec![
        plain("m", storage.m),
        plain("v", storage.v),
        plain("named", storage.named),
        plain("rounding", storage.rounding),
        plain("averages", storage.averages),
        plain("accumulated", storage.accumulated),
        plain("kept_rounding", storage.kept_rounding),
        plain("least", storage.least),
    ];
    let group = wgpu_optim::step::Group::new(Sgd::default(), [param()]);
    let groups =
        vec![plain("name", group.name), plain("clip", group.clip), plain("state", group.state), plain("schedules", group.schedules)];
    // `Param::new` is the same, but for buffers, which it takes.
    let params = |sparse: &'static str, others: Vec<Field>| {
        let scaled = |lr_scale: f64| accepted(CpuParam { lr_scale, ..param() }, Options::default());
        let lr_scale = Field { accepts: Some(Box::new(scaled)), ..plain("lr_scale", param().lr_scale) };
        let schedules = plain("lr_scale_schedules", param().lr_scale_schedules);
        let own = vec![
            lr_scale,
            plain("lr_scales", param().lr_scales),
            schedules,
            plain("row_mask", param().row_mask),
            plain(sparse, param().sparse_rows),
            plain("frozen", param().frozen),
            plain("value_dtype", param().value_dtype),
            plain("gradient_dtype", param().gradient_dtype),
            plain("rounding", param().rounding),
            plain("master", param().master),
        ];
        own.into_iter().chain(others).collect::<Vec<_>>()
    };
    let lookaheads =
        numbers!(Lookahead { every: u32, alpha: f64 }, |lookahead| Options { lookahead: Some(lookahead), ..Default::default() });
    let swas = numbers!(Swa { start: u32, every: u32 }, |swa| Options { swa: Some(swa), ..Default::default() });
    let adaptive = numbers!(AdaptiveClip { clipping: f64, eps: f64 }, |clip| Options { clip: Clip::Adaptive(clip), ..Default::default() });
    let scales = numbers!(DynamicScale { init: f64, growth: f64, backoff: f64, interval: u32 }, |scale| Options {
        loss_scale: LossScale::Dynamic(scale),
        ..Default::default()
    });
    let documented = |name, source, fields| Documented { name, source, fields, taken: &[] };
    vec![
        documented("Options", OPTIONS, options),
        documented("StateStorage", STORAGE, storages),
        documented("Ema", AVERAGES, emas),
        documented("Swa", AVERAGES, swas),
        documented("Lookahead", AVERAGES, lookaheads),
        documented("NormClip", CLIP, norms),
        documented("AdaptiveClip", CLIP, adaptive),
        documented("DynamicScale", SCALE, scales),
        Documented { taken: &["rule", "params"], ..documented("Group<P>", GROUP, groups) },
        Documented {
            taken: &["name", "shape", "value", "gradient"],
            ..documented("Param", PARAM, params("sparse", vec![plain("bf16_copy", None::<()>), plain("reserved_rows", 0)]))
        },
        Documented { taken: &["name", "shape"], ..documented("CpuParam", CPU_PARAM, params("sparse_rows", Vec::new())) },
    ]
}

pub fn trials() -> Vec<Trial> {
    documented().into_iter().map(|of| Trial::test(format!("docs/fields/{}", of.name), move || check(&of))).collect()
}

fn check(of: &Documented) -> Outcome {
    let body = of.source.split_once(&format!("pub struct {} {{\n", of.name)).ok_or("no such struct")?.1;
    let body = body.split_once("\n}").ok_or("it has no end")?.0;
    let mut seen: Vec<&str> = of.taken.to_vec();
    let mut comment = String::new();
    for line in body.lines().map(str::trim) {
        let Some((name, _)) = line.strip_prefix("pub ").and_then(|field| field.split_once(": ")) else {
            comment += line;
            continue;
        };
        let comment = std::mem::take(&mut comment);
        if of.taken.contains(&name) {
            continue;
        }
        let field = of.fields.iter().find(|field| field.name == name).ok_or(format!("{name} is not in the list here"))?;
        check_field(field, &comment).map_err(|wrong| format!("{name}: {wrong}; its comment is {comment}"))?;
        seen.push(name);
    }
    assert_eq!(seen.len(), of.taken.len() + of.fields.len(), "{seen:?}");
    Ok(())
}

fn check_field(field: &Field, comment: &str) -> Result<(), String> {
    let default = said(comment, "Default: `").ok_or("no default is said")?;
    let number = |text: &str| text.parse::<f64>();
    let is_default = match (number(default), number(&field.default)) {
        (Ok(said), Ok(is)) => said == is,
        // A variant, which `Debug` shows without its enum.
        _ => default.rsplit("::").next() == Some(&field.default),
    };
    if !is_default {
        return Err(format!("its default is {}", field.default));
    }
    let Some(accepts) = &field.accepts else { return Ok(()) };
    let range = said(comment, "range: `").ok_or("no range is said")?;
    match cases(range)?.into_iter().find(|&(x, inside)| accepts(x) != inside) {
        Some((x, inside)) => Err(format!(
            "{x:e} is {} {range}, and is {}",
            if inside { "in" } else { "not in" },
            ["accepted", "refused"][usize::from(inside)]
        )),
        None => Ok(()),
    }
}

fn said<'a>(comment: &'a str, before: &str) -> Option<&'a str> {
    comment.split_once(before)?.1.split_once('`').map(|(said, _)| said)
}

/// Numbers at and next to the ends of a range such as `[0, 1)`, and whether they are in it.
fn cases(range: &str) -> Result<Vec<(f64, bool)>, String> {
    let (low, high) = range.split_once(", ").ok_or("a range has two ends")?;
    let ends = [(low.get(1..), low.starts_with('['), -1.0), (high.get(..high.len() - 1), high.ends_with(']'), 1.0)];
    let mut cases = Vec::new();
    for (text, included, outwards) in ends {
        let end = number(text.unwrap_or_default())?;
        // No larger number of 32 bits can be tried.
        if end == 2_f64.powi(32) {
            continue;
        }
        let beyond = if end == 0.0 { 1e-3 } else { 1e-3 * end.abs() };
        cases.push((end, included));
        cases.extend(end.is_finite().then_some((end + outwards * beyond, false)));
    }
    Ok(cases)
}

fn number(text: &str) -> Result<f64, String> {
    let known = match text {
        "f32::MAX" => Some(f64::from(f32::MAX)),
        _ => text.strip_prefix("2^").and_then(|exponent| exponent.parse().ok()).map(|exponent| 2_f64.powi(exponent)),
    };
    known.map_or_else(|| text.parse().map_err(|_| format!("{text} is no number")), Ok)
}
