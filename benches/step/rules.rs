//! Every rule over one tensor of any size, against a kernel of the same traffic and against the CPU backend.

use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::rule::AnyRule;
use wgpu_optim::{Optimizer, Tensors, rules};

use crate::ceiling::Ceiling;
use crate::data::Source;
use crate::measure::{Contender, race};
use crate::report::{CPU, Case};
use crate::traffic::{Pool, Stages};
use crate::{Bench, Result};

const RULES: &str = "rules";

/// One element is the latency of a step, a thousand a small layer; 10^5 are in the caches (Adam: 1.6 MB), 10^6 at their edge, 10^7 past them, and 10^8
/// is past the limit of one binding too.
const SIZES: [usize; 6] = [1, 1_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// All rules at all sizes.
pub fn all(bench: &mut Bench) -> Result<()> {
    for n in bench.sizes(&SIZES) {
        if n > bench.largest() {
            bench.report.open(RULES, format!("n = {n}"), "--largest");
            continue;
        }
        // Buffers of the limits, of the rule, its twin's, and random numbers on both sides.
        let needed = 4 * n * (6 + (2 + 4) + (2 + 4) + 2);
        if let Some(reason) = bench.lacks_memory(needed) {
            bench.report.open(RULES, format!("n = {n}"), reason);
            continue;
        }
        let source = match Source::new(&bench.gpu, n) {
            Ok(source) => source,
            Err(error) => {
                bench.report.open(RULES, format!("n = {n}"), error);
                continue;
            }
        };
        let mut pool = Pool::new(n);
        let wanted = rules::all().into_iter().filter(|rule| bench.cli.wants(RULES, rule.name()));
        for rule in wanted.collect::<Vec<_>>() {
            if let Some(reason) = bench.multiplies(&*rule, n) {
                bench.report.open(RULES, format!("{} n = {n}", rule.name()), reason);
                continue;
            }
            let outcome = one(bench, &*rule, n, &source, &mut pool);
            bench.or_open(RULES, format!("{} n = {n}", rule.name()), outcome);
        }
    }
    Ok(())
}

fn one(bench: &mut Bench, rule: &dyn AnyRule, n: usize, source: &Source, pool: &mut Pool) -> Result<()> {
    let gpu = &bench.gpu;
    // As a matrix, which some rules treat otherwise than a vector.
    let width = (1..=3).map(|power| 10_usize.pow(power)).filter(|width| width * width <= n).max().unwrap_or(1);
    let shape = [n / width, width];
    let tensors = Tensors::new(&gpu.device, [("w", shape)])?;
    source.fill_value(gpu, tensors.value("w")?, n);
    source.fill_gradient(gpu, tensors.gradient("w")?, n);
    let optimizer = Optimizer::new(&gpu.device, &gpu.queue, rule.boxed(), tensors.params())?;
    let ceiling = Ceiling::new(bench, source, pool, &Stages::of(rule, true).streams())?;
    let mut twin = CpuOptimizer::<f32>::new(rule.boxed(), [CpuParam::new("w", &shape)])?;
    let mut value = source.values(n).to_vec();
    let mut contenders = vec![Contender::pass(rule.name(), |pass| optimizer.step_in(pass))];
    contenders.extend(ceiling.contenders());
    contenders.push(Contender::host(CPU, || Ok(twin.step(&mut [&mut value], &[Some(source.gradients(n))])?)));
    let timings = race(&bench.clock(), &mut contenders, bench.effort())?;
    let bytes = Some(n * rule.bytes_per_parameter());
    drop(contenders);
    bench.report.race(Case { group: RULES, name: rule.name().into(), elements: n, tensors: 1, bytes }, &timings);
    Ok(())
}
