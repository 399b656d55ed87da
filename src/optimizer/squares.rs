//! The square matrices of axes that rules work with: in which rounds, and where each lies.

use super::{Parameter, orthogonal};
use crate::error::{Error, Result};
use crate::gpu::{Dispatch, Engine};
use crate::products::squares::{Maker, Needs, Round, Scratch, Shares, Tensor, rounds};
use crate::products::{Blocks, Precision};
use crate::program::{Limits, Pass, Window};
use crate::rule::{AnyRule, Extent, Product, Square};
use crate::step::{Config, StepKind};
use crate::wgsl::scalars_at;

/// The dispatches of each pass that works with squares.
pub(super) fn passes(engine: &Engine, config: &Config, parameters: &[Parameter]) -> Result<Vec<(Pass, Vec<Vec<Dispatch>>)>> {
    let stages = engine.record.rules().iter().map(|rule| rule.stages().len()).max().unwrap_or_default();
    let all: Vec<Vec<Round>> = (0..stages).map(|stage| products(stage, engine, config, parameters)).collect();
    let needs = all.iter().flatten().fold(Needs::default(), |needs, round| needs.or(round.needs));
    if needs == Needs::default() {
        return Ok(Vec::new());
    }
    let scratch = Scratch::new(&engine.device, needs)?;
    let of_stage = |(stage, rounds): (usize, &Vec<Round>)| Ok((Pass::Squares(stage), dispatches(engine, &scratch, rounds)?));
    all.iter().enumerate().map(of_stage).collect()
}

fn dispatches(engine: &Engine, scratch: &Scratch, rounds: &[Round]) -> Result<Vec<Vec<Dispatch>>> {
    let Engine { device, limits, sets, pages, record, pipelines, .. } = engine;
    let (is_software, memory) = (!limits.division.skips_branches, device.limits().max_compute_workgroup_storage_size);
    let maker = Maker {
        pipelines,
        blocks: Blocks::of(is_software, limits.workgroup, memory, Precision::F32),
        shares: Shares::new(is_software, limits.workgroup, memory),
        record: &record.buffer,
        page: |set: usize| {
            let window = Window { buffer: set, offset: 0, size: sets.pages[set] };
            pages.resource(window).unwrap_or_else(|| record.buffer.as_entire_binding())
        },
        squares: |buffer: usize| pages.lines(buffer).unwrap_or(&record.buffer).as_entire_binding(),
        scratch,
    };
    let mut lists = Vec::new();
    for round in rounds {
        lists.extend(maker.product(round)?);
    }
    Ok(lists)
}

/// The rounds of the products of the stages of this number, of each rule.
fn products(stage: usize, engine: &Engine, config: &Config, parameters: &[Parameter]) -> Vec<Round> {
    let (step_kind, mut products) = (config.step_kind(), Vec::new());
    for rule in engine.record.rules() {
        let own = |parameter: &&Parameter| config.groups[parameter.member.group].rule.is_like(&**rule);
        for product in rule.stages().get(stage).map_or(&[][..], |stage| stage.products) {
            let tensors = parameters.iter().filter(own).filter_map(|parameter| tensor(parameter, &**rule, product, &step_kind));
            let binding = engine.limits.binding.min(engine.limits.buffer);
            products.extend(rounds(*product, tensors.collect(), binding));
        }
    }
    products
}

/// Where a product finds a parameter, if it has squares.
fn tensor(parameter: &Parameter, rule: &dyn AnyRule, product: &Product, step_kind: &StepKind) -> Option<Tensor> {
    let squares: Vec<Square> = parameter.extents.squares().collect();
    let segment = parameter.state.first().filter(|_| parameter.elements > 0 && !squares.is_empty())?;
    let (keeps, record) = (parameter.kind.keeps(), parameter.member.record);
    let word = |name: &str| {
        let scalar = rule.scalar_fields().iter().position(|known| *known == name)?;
        Some(record + (scalars_at(step_kind.averages.len()) + scalar) as u32)
    };
    let lines = step_kind.wide_lanes(rule, keeps);
    let element = |name: &str| Some((segment.lane(step_kind.lane(rule, keeps, name)? as u64).offset / 4) as u32);
    let square = |name: &str| {
        let lane = lines.iter().filter(|lane| lane.extent == Extent::Squares).position(|lane| lane.name == name)?;
        Some((parameter.lines.lane(Extent::Squares, lane as u64)?.offset / 4) as u32)
    };
    let of_elements = product.of_elements();
    let of_squares = product.states().into_iter().filter(|name| !of_elements.contains(name));
    Some(Tensor {
        record,
        set: segment.set(),
        buffer: parameter.lines.buffer,
        elements: parameter.elements,
        squares,
        due: product.when().and_then(word),
        numbers: product.scalars().into_iter().filter_map(word).collect(),
        elements_at: of_elements.iter().filter_map(|name| element(name)).collect(),
        squares_at: of_squares.filter_map(square).collect(),
    })
}

/// The squares of a parameter have to fit in one binding, and so does what they are worked on in.
pub(super) fn check(parameter: &Parameter, rule: &dyn AnyRule, limits: &Limits) -> Result<()> {
    let squares: Vec<Square> = parameter.extents.squares().collect();
    let kept = rule.states().iter().filter(|state| state.extent == Extent::Squares).count() as u64;
    let aligned = (4 * parameter.extents.count(Extent::Squares)).next_multiple_of(limits.alignment.max(16));
    let products = rule.stages().iter().flat_map(|stage| stage.products);
    let work = products.map(|product| Needs::of(product, 0, &squares).most()).max().unwrap_or_default();
    let needed = (kept * aligned).max(4 * work);
    let allowed = limits.binding.min(limits.buffer);
    if squares.is_empty() || needed <= allowed {
        return Ok(());
    }
    let what = format!("{}: {} keeps square matrices of its axes {:?}, which", parameter.param.name, rule.name(), sizes(&squares));
    Err(Error::Limit { what, needed, limit: "max_storage_buffer_binding_size", allowed })
}

fn sizes(squares: &[Square]) -> Vec<u64> {
    squares.iter().map(|square| square.size).collect()
}

/// Whoever turns a tensor needs all of its state in one binding.
pub(super) fn check_state(parameter: &Parameter, rule: &dyn AnyRule, limits: &Limits) -> Result<()> {
    if parameter.extents.squares().next().is_none() || parameter.elements == 0 {
        return Ok(());
    }
    orthogonal::check_whole(parameter, rule, 4 * parameter.elements, limits)
}
