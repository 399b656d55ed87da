//! What rules form on the host from their hyper-parameters, against Python's decimals (`tests/known_answers/constants.py`), next to the ends of all ranges.

use std::sync::Arc;

use libtest_mimic::Trial;
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::CpuOptimizer;
use wgpu_optim::rule::{AnyRule, Field};
use wgpu_optim::{Optimizer, RAdam, Tensors, rules};

use crate::context::{Context, Outcome};

const TABLE: &str = include_str!("../known_answers/constants.tsv");

/// Of f64's, relative: the worst is RAdam's `rho_offset`, 1e-13.
const IN_F64: f64 = 1e-12;
/// Of the nearest f32, and of two that are added.
const IN_F32: f64 = 1.001 / (1_u64 << 24) as f64;
const IN_PAIRS: f64 = 1.0 / (1_u64 << 46) as f64;
/// Of those of an exponent, the first of which has 12 bits.
const IN_EXPONENTS: f64 = 1.0 / (1_u64 << 36) as f64;

/// In the table, where RAdam leads a value: what its constants are for.
const AFTER: &str = "after_12_steps";

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials: Vec<Trial> =
        rules::all().into_iter().map(|rule| Trial::test(format!("constants/{}", rule.name()), move || are_exact(&*rule))).collect();
    trials.extend(contexts[..2].iter().map(|context| context.trial("constants/RAdam/beta2-next-to-1".into(), radam)));
    trials
}

fn are_exact(rule: &dyn AnyRule) -> Outcome {
    let mut formed = Vec::new();
    for line in TABLE.lines() {
        let [name, given, constant, exact] = line.split('\t').collect::<Vec<_>>()[..] else { return Err(format!("{line}?").into()) };
        if name != rule.name() || constant == AFTER {
            continue;
        }
        let mut rule = rule.boxed();
        for (parameter, value) in given.split(',').filter_map(|pair| pair.split_once('=')) {
            rule.try_set(parameter, value.parse()?)?;
        }
        let (names, numbers, words) = (names(&*rule), rule.hyper_numbers(), rule.hyper_words());
        let index = |wanted: &str| names.iter().position(|name| name == wanted);
        let at = index(constant).ok_or_else(|| format!("{name} has no {constant}"))?;
        let low = index(&format!("{constant}_low"));
        let single = |at: usize| f64::from(f32::from_bits(words[at]));
        let exact: f64 = exact.parse()?;
        check(line, numbers[at] + low.map_or(0.0, |low| numbers[low]), exact, IN_F64)?;
        // What f32 has no normal number for may be 0 or infinite there.
        if (f64::from(f32::MIN_POSITIVE)..=f64::from(f32::MAX)).contains(&exact.abs()) {
            match low {
                Some(low) => check(line, single(at) + single(low), exact, if constant == "exponent" { IN_EXPONENTS } else { IN_PAIRS })?,
                None => check(line, single(at), exact, IN_F32)?,
            }
        }
        formed.push(constant.to_owned());
    }
    // Whatever is no hyper-parameter itself, nor a sign, nor the logarithm of a decay that a rule has not, has to be in the table.
    let mut rule = rule.boxed();
    let given = |index: usize, flag: bool| if flag { 0.0 } else { 0.625 + 0.001_953_125 * index as f64 };
    for (index, parameter) in rule.parameters().iter().enumerate() {
        rule.set(parameter.name, given(index, parameter.flag));
    }
    let values = rule.values();
    for (word, number) in names(&*rule).into_iter().zip(rule.hyper_numbers()) {
        let known = formed.iter().any(|name| word == *name || word == format!("{name}_low"));
        let trivial = values.contains(&number) || [0.0, 1.0, -1.0, -1000.0, f64::from(f32::MAX)].contains(&number);
        if !known && !trivial {
            return Err(format!("{} forms {}, {number}, which constants.py does not", rule.name(), word).into());
        }
    }
    Ok(())
}

/// The names of the words of a rule's hyper-parameters.
fn names(rule: &dyn AnyRule) -> Vec<String> {
    rule.hyper_fields().iter().flat_map(Field::words).collect()
}

fn check(what: &str, got: f64, exact: f64, tolerance: f64) -> Outcome {
    let holds = (got - exact).abs() <= tolerance * exact.abs();
    if holds { Ok(()) } else { Err(format!("{what}: got {got:e}, {:e} apart", got / exact - 1.0).into()) }
}

fn gradient(step: u32) -> f64 {
    (0.9 * f64::from(step)).sin() + 0.05
}

fn radam(gpu: &Gpu) -> Outcome {
    for line in TABLE.lines().filter(|line| line.contains(AFTER)) {
        let mut parts = line.split(['\t', '=']).filter_map(|part| part.parse::<f64>().ok());
        let (Some(beta2), Some(exact)) = (parts.next(), parts.next()) else { return Err(format!("{line}?").into()) };
        let rule = RAdam { beta2, ..RAdam::default() };
        let mut truth = CpuOptimizer::<f64>::new(rule, [("a", 1)])?;
        let mut twin = CpuOptimizer::<f32>::new(rule, [("a", 1)])?;
        let tensors = Tensors::new(&gpu.device, [("a", [1])])?;
        tensors.write_value(&gpu.queue, "a", &[1.0])?;
        let optimizer = Optimizer::new(&gpu.device, &gpu.queue, rule, tensors.params())?;
        let (mut wide, mut narrow) = ([1.0_f64], [1.0_f32]);
        for step in 0..12 {
            truth.step(&mut [&mut wide], &[Some(&[gradient(step)])])?;
            twin.step(&mut [&mut narrow], &[Some(&[gradient(step) as f32])])?;
            tensors.write_gradient(&gpu.queue, "a", &[gradient(step) as f32])?;
            let mut encoder = gpu.device.create_command_encoder(&Default::default());
            optimizer.step(&mut encoder);
            gpu.queue.submit([encoder.finish()]);
        }
        let got = block_on(optimizer.read_value("a"))?[0];
        let scalars = block_on(optimizer.read_scalars())?;
        // f32 rounds a value next to 1 by at most 3e-8 in each of 12 steps.
        for (who, got, tolerance) in [("truth", wide[0], 1e-13), ("twin", f64::from(narrow[0]), 3.6e-7), ("GPU", f64::from(got), 3.6e-7)] {
            if got.is_nan() || (got - exact).abs() > tolerance {
                return Err(format!("beta2 {beta2}: {who} {got}, expected {exact}").into());
            }
        }
        assert!(scalars.iter().flatten().all(|scalar| scalar.is_finite()), "beta2 {beta2}: {scalars:?}");
    }
    Ok(())
}
