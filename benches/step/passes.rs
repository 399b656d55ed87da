//! Where the time of a step goes: GPU time of each pass, on a device that does not idle, and beside it that of plain kernels of the same traffic.

use wgpu_optim::rule::AnyRule;
use wgpu_optim::{Adafactor, AdamW, AdaptiveClip, Clip, Lamb, Muon, Optimizer, Options};

use crate::data::Source;
use crate::measure::{BUSY, Contender, Laps, Spread};
use crate::shapes::Model;
use crate::tensors::in_one;
use crate::traffic::{Geometry, Pool, Stages, Traffic};
use crate::{Bench, Result, separate};

const PASSES: &str = "passes";
/// Measures units before, in one pass more.
const ADAPTIVE: &str = "AdamW, adaptive clipping";
/// Rows of the matrices of 1,000 columns.
const ROWS: [usize; 2] = [10_000, 100_000];

/// What has several stages, against what has one; a matrix, and many small ones.
pub fn all(bench: &mut Bench) -> Result<()> {
    if !bench.gpu.device.features().contains(wgpu::Features::TIMESTAMP_QUERY_INSIDE_PASSES) {
        bench.report.open(PASSES, "all", "the device writes no timestamps within passes");
        return Ok(());
    }
    let rules: [&dyn AnyRule; 4] = [&AdamW::default(), &Adafactor::default(), &Lamb::default(), &Muon::default()];
    let names: Vec<String> = rules.iter().map(|rule| rule.name().to_owned()).chain([ADAPTIVE.to_owned()]).collect();
    if !names.iter().any(|name| bench.cli.wants(PASSES, name)) {
        return Ok(());
    }
    let rules: Vec<&dyn AnyRule> = rules.into_iter().filter(|rule| bench.cli.wants(PASSES, rule.name())).collect();
    for rows in bench.sizes(&ROWS) {
        let shape = if bench.is_smoke() { vec![100, 100] } else { vec![rows, 1000] };
        let model = Model { name: "matrix", shapes: vec![shape] };
        if model.elements() > bench.largest() {
            bench.report.open(PASSES, format!("n = {}", model.elements()), "--largest");
            continue;
        }
        let source = Source::new(&bench.gpu, model.elements())?;
        let mut pool = Pool::new(model.elements());
        for rule in &rules {
            let rule = *rule;
            let name = format!("{}, n = {}", rule.name(), model.elements());
            if let Some(reason) = bench.multiplies(rule, model.elements()) {
                bench.report.open(PASSES, name, reason);
                continue;
            }
            let outcome = one(bench, rule, &name, &model, &source, Options::default());
            bench.or_open(PASSES, &name, outcome);
            let outcome = plain(bench, rule, &name, &source, &mut pool);
            bench.or_open(PASSES, &name, outcome);
        }
        if bench.cli.wants(PASSES, ADAPTIVE) {
            let name = format!("{ADAPTIVE}, n = {}", model.elements());
            let options = Options { clip: Clip::Adaptive(AdaptiveClip::default()), ..Options::default() };
            let outcome = one(bench, &AdamW::default(), &name, &model, &source, options);
            bench.or_open(PASSES, &name, outcome);
        }
    }
    let (name, count) = if bench.is_smoke() { ("10 of 25 x 40", 10) } else { ("1,000 of 25 x 40", 1000) };
    let model = Model { name, shapes: vec![vec![25, 40]; count] };
    let source = Source::new(&bench.gpu, model.elements())?;
    for rule in rules {
        let outcome = one(bench, rule, &format!("{}, {name}", rule.name()), &model, &source, Options::default());
        bench.or_open(PASSES, rule.name(), outcome);
        let optimizer = separate::optimizer(bench, rule.boxed(), &source, model.named(), Options::default())?;
        timed(bench, &format!("{}, {name}, a buffer each", rule.name()), &optimizer)?;
    }
    Ok(())
}

fn one(bench: &mut Bench, rule: &dyn AnyRule, name: &str, model: &Model, source: &Source, options: Options) -> Result<()> {
    let optimizer = in_one(bench, rule.boxed(), model, source, options)?;
    timed(bench, name, &optimizer)
}

fn timed(bench: &mut Bench, name: &str, optimizer: &Optimizer) -> Result<()> {
    let laps = Laps::new(&bench.gpu, optimizer.dispatches());
    let mut labels: Vec<String> = Vec::new();
    let mut record = |pass: &mut wgpu::ComputePass<'_>, queries: &wgpu::QuerySet| {
        labels = optimizer.stamped_step(pass, queries).into_iter().map(|pass| format!("{pass:?}")).collect();
    };
    let busy = Contender::pass(name, |pass| optimizer.step_in(pass));
    let samples = samples(bench, &laps, busy, &mut record)?;
    report(bench, name, &labels, &samples);
    Ok(())
}

/// A plain kernel for each stage over elements.
fn plain(bench: &mut Bench, rule: &dyn AnyRule, name: &str, source: &Source, pool: &mut Pool) -> Result<()> {
    let geometry = Geometry::plain(bench.pace, &bench.gpu.device);
    let streams = Stages::of(rule, true).streams();
    let traffic = streams.iter().map(|&streams| Traffic::new(&bench.gpu, source, pool, streams, geometry));
    let traffic = traffic.collect::<Result<Vec<Traffic>>>()?;
    let laps = Laps::new(&bench.gpu, traffic.len());
    let labels: Vec<String> = (0..traffic.len()).map(|stage| format!("stage {stage} over elements, no arithmetic")).collect();
    let mut record = |pass: &mut wgpu::ComputePass<'_>, queries: &wgpu::QuerySet| {
        for (traffic, number) in traffic.iter().zip(1..) {
            traffic.record(pass);
            pass.write_timestamp(queries, number);
        }
    };
    let busy = Contender::pass(name, |pass| traffic.iter().for_each(|traffic| traffic.record(pass)));
    let samples = samples(bench, &laps, busy, &mut record)?;
    report(bench, name, &labels, &samples);
    Ok(())
}

/// Seconds of each dispatch, in each of several rounds; before each, steps without timestamps keep the device busy.
fn samples(
    bench: &Bench,
    laps: &Laps,
    mut busy: Contender<'_>,
    record: &mut dyn FnMut(&mut wgpu::ComputePass<'_>, &wgpu::QuerySet),
) -> Result<Vec<Vec<f64>>> {
    let (clock, rounds) = (bench.clock(), bench.effort().rounds);
    let round = |_| {
        clock.busy(&mut busy, if rounds > 1 { BUSY } else { 0.0 })?;
        laps.time(&bench.gpu, record)
    };
    (0..rounds).map(round).collect()
}

/// The medians of passes, each with all of its dispatches, and of all together.
fn report(bench: &mut Bench, name: &str, labels: &[String], samples: &[Vec<f64>]) {
    let mut names: Vec<&String> = labels.iter().collect();
    names.dedup();
    let of = |wanted: &dyn Fn(&String) -> bool| {
        let sum = |laps: &Vec<f64>| laps.iter().zip(labels).filter(|(_, label)| wanted(label)).map(|(lap, _)| lap).sum::<f64>();
        Spread::of(samples.iter().map(sum)).map_or(0.0, |spread| 1e6 * spread.median)
    };
    for label in names {
        let count = labels.iter().filter(|own| *own == label).count();
        let dispatches = if count > 1 { format!(" ({count} dispatches)") } else { String::new() };
        bench.report.figure(PASSES, format!("{name}: {label}{dispatches}"), of(&|own| own == label), "us");
    }
    bench.report.figure(PASSES, format!("{name}: all of {}", labels.len()), of(&|_| true), "us");
}
