//! Random sequences of everything that a caller may do with a CPU optimizer, wrong calls among them, on the CPU alone: no call panics, the f32
//! backend and the twin that carries its error take and refuse the same calls, and agree after each.

use core::fmt;

use libtest_mimic::{Failed, Trial};
use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::rule::{AnyRule, Bounded};
use wgpu_optim::testing::{Random, compare, gradients, values};
use wgpu_optim::{Error, Group, Options, Sgd};

use super::sequences::Draw;
use crate::context::Outcome;

/// Sequences; `SEQUENCES` asks for more.
const CASES: u64 = 60;
const CALLS: usize = 24;

pub fn trials() -> Vec<Trial> {
    let cases = std::env::var("SEQUENCES").ok().and_then(|text| text.parse().ok()).unwrap_or(CASES);
    let mut trials = vec![Trial::test("features/cpu-sequences/view-of-a-group-added-after-a-change", added_after_a_change)];
    trials.extend((0..cases).map(|seed| Trial::test(format!("features/cpu-sequences/{seed}"), move || run(seed))));
    trials
}

/// What was kept for views of the hyper-parameters before a change does not know a group that was added since.
fn added_after_a_change() -> Outcome {
    let rule = wgpu_optim::ScheduleFreeSgd::default();
    let mut optimizer = CpuOptimizer::<f32>::new(rule, [CpuParam::new("a", &[2])])?;
    let (mut a, mut b) = ([1.0_f32; 2], [1.0_f32; 3]);
    optimizer.step(&mut [&mut a], &[Some(&[0.5; 2])])?;
    optimizer.set_rule(0, wgpu_optim::ScheduleFreeSgd { lr: 0.25, ..rule })?;
    optimizer.add_group(Group::new(rule, [CpuParam::new("b", &[3])]))?;
    optimizer.evaluate(&mut [&mut a, &mut b])?;
    optimizer.train(&mut [&mut a, &mut b])?;
    assert_eq!(b, [1.0; 3], "a tensor without a step has no other view");
    Ok(())
}

/// One optimizer with its values.
struct Side<F: wgpu_optim::rule::Real> {
    optimizer: CpuOptimizer<F>,
    values: Vec<Vec<F>>,
}

impl<F: wgpu_optim::rule::Real> Side<F> {
    fn new(groups: Vec<Group<CpuParam>>, options: Options, values: &[Vec<f32>], of: fn(f32) -> F) -> Result<Self, Error> {
        let values = values.iter().map(|values| values.iter().copied().map(of).collect()).collect();
        Ok(Side { optimizer: CpuOptimizer::with_options(groups, options)?, values })
    }

    fn call(&mut self, call: &Call, of: fn(f32) -> F) -> Result<(), Error> {
        let Side { optimizer, values } = self;
        let mut slices: Vec<&mut [F]> = values.iter_mut().map(Vec::as_mut_slice).collect();
        let lift = |gradients: &[Option<Vec<f32>>]| -> Vec<Option<Vec<F>>> {
            gradients.iter().map(|gradient| gradient.as_ref().map(|gradient| gradient.iter().copied().map(of).collect())).collect()
        };
        match call {
            Call::Step(gradients) => {
                let gradients = lift(gradients);
                optimizer.step(&mut slices, &gradients.iter().map(Option::as_deref).collect::<Vec<_>>())
            }
            Call::Accumulate(gradients) => {
                let gradients = lift(gradients);
                optimizer.accumulate(&gradients.iter().map(Option::as_deref).collect::<Vec<_>>())
            }
            Call::Evaluate => optimizer.evaluate(&mut slices),
            Call::Train => optimizer.train(&mut slices),
            Call::Swap(average) => optimizer.swap(average, &mut slices),
            Call::SetActive(name, active) => optimizer.set_active([&**name], *active),
            Call::SetRule(group, rule) => optimizer.set_rule(*group, rule.clone()),
            Call::SetSchedule(group, name, schedule) => optimizer.set_schedule(*group, name, schedule.clone()),
            Call::AddGroup(group) => optimizer.add_group(group.clone()),
            Call::Report => optimizer.report().map(drop),
            Call::Resume => {
                *optimizer = optimizer.clone();
                Ok(())
            }
            Call::MissingValue => {
                let most = slices.len() - 1;
                optimizer.evaluate(&mut slices[..most])
            }
            Call::OtherLength => {
                let none = vec![None; slices.len()];
                slices[0] = &mut [];
                optimizer.step(&mut slices, &none)
            }
        }
    }
}

/// What may be called, with what.
#[derive(Clone)]
enum Call {
    Step(Vec<Option<Vec<f32>>>),
    Accumulate(Vec<Option<Vec<f32>>>),
    Evaluate,
    Train,
    Swap(&'static str),
    SetActive(String, bool),
    SetRule(usize, Box<dyn AnyRule>),
    SetSchedule(usize, &'static str, Option<wgpu_optim::schedule::Schedule>),
    AddGroup(Group<CpuParam>),
    Report,
    /// Goes on with a copy.
    Resume,
    MissingValue,
    OtherLength,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let taking = |gradients: &[Option<Vec<f32>>]| gradients.iter().map(|gradient| gradient.as_ref().map(|g| g[0])).collect::<Vec<_>>();
        match self {
            Call::Step(gradients) => write!(f, "step, first elements {:?}", taking(gradients)),
            Call::Accumulate(gradients) => write!(f, "accumulate, first elements {:?}", taking(gradients)),
            Call::Evaluate => write!(f, "evaluate"),
            Call::Train => write!(f, "train"),
            Call::Swap(average) => write!(f, "swap {average}"),
            Call::SetActive(name, active) => write!(f, "set_active {name} {active}"),
            Call::SetRule(group, rule) => write!(f, "set_rule {group} {rule:?}"),
            Call::SetSchedule(group, name, schedule) => write!(f, "set_schedule {group} {name} {schedule:?}"),
            Call::AddGroup(group) => write!(f, "add_group {group:?}"),
            Call::Report => write!(f, "report"),
            Call::Resume => write!(f, "resume"),
            Call::MissingValue => write!(f, "evaluate with a value missing"),
            Call::OtherLength => write!(f, "step with a value of another length"),
        }
    }
}

/// What the sequence has built so far, as far as drawing the next call needs it.
struct State {
    rules: Vec<Box<dyn AnyRule>>,
    params: Vec<(String, usize)>,
    seed: u64,
}

impl State {
    fn take(&mut self, group: &Group<CpuParam>) -> Vec<Vec<f32>> {
        self.rules.push(group.rule.clone());
        let first = self.params.len();
        self.params.extend(group.params.iter().map(|param| (param.name.clone(), param.shape.iter().product())));
        self.params[first..].iter().enumerate().map(|(index, &(_, len))| values(self.seed + (first + index) as u64, len)).collect()
    }

    fn gradients(&mut self, draw: &mut Draw) -> Vec<Option<Vec<f32>>> {
        self.seed += 1000;
        let gradient = |(index, &(_, len)): (usize, &(String, usize))| {
            let own = gradients(self.seed + index as u64, len);
            (!draw.chance(4)).then_some(own)
        };
        self.params.iter().enumerate().map(gradient).collect()
    }

    fn next(&mut self, draw: &mut Draw, options: &Options) -> Call {
        let group = draw.below(self.rules.len() + 1).min(self.rules.len() - usize::from(!draw.chance(8)));
        match draw.below(20) {
            0..=3 => Call::Step(self.gradients(draw)),
            4 if options.may_skip() => {
                let mut gradients = self.gradients(draw);
                let at = draw.below(gradients.len());
                gradients[at].iter_mut().for_each(|gradient| gradient[0] = draw.of(&[f32::NAN, f32::INFINITY]));
                Call::Step(gradients)
            }
            5 => Call::Accumulate(self.gradients(draw)),
            6 | 7 => Call::Evaluate,
            8 | 9 => Call::Train,
            10 => Call::Swap(draw.of(&["ema", "swa", "slow", "nobody"])),
            11 => {
                let name = self.params[draw.below(self.params.len())].0.clone();
                Call::SetActive(if draw.chance(8) { "nobody".into() } else { name }, draw.chance(2))
            }
            12 | 13 => {
                let mut rule = self.rules[group.min(self.rules.len() - 1)].clone();
                if draw.chance(8) {
                    rule = Sgd { lr: -1.0, ..Sgd::default() }.into();
                }
                rule.set("lr", draw.of(&[0.001, 0.003, 0.02]));
                Call::SetRule(group, rule)
            }
            14 => Call::SetSchedule(group, draw.of(&["lr", "lr", "lr", "nothing"]), (!draw.chance(3)).then(|| draw.schedule())),
            15 | 16 => {
                let first = if draw.chance(6) { 0 } else { self.params.len() };
                Call::AddGroup(draw.group(first, options))
            }
            17 => Call::Report,
            18 => Call::Resume,
            _ => draw.of(&[Call::MissingValue, Call::OtherLength]),
        }
    }
}

/// The twin bounds nearly every error: not where a variance of a centred RMSProp, which is a difference, may be anything down to 0.
fn run(seed: u64) -> Outcome {
    let mut draw = Draw(Random(77_000 + seed));
    let options = draw.options();
    let mut state = State { rules: Vec::new(), params: Vec::new(), seed: 1_000_000 * seed };
    let (mut groups, mut start) = (Vec::new(), Vec::new());
    for _ in 0..1 + draw.below(2) {
        let group = draw.group(state.params.len(), &options);
        start.extend(state.take(&group));
        groups.push(group);
    }
    let mut log = vec![format!("{options:?}"), format!("{groups:?}").chars().take(800).collect()];
    let mut fast = Side::<f32>::new(groups.clone(), options, &start, |x| x)?;
    let mut truth = Side::<Bounded>::new(groups, options, &start, Bounded::given)?;
    for turn in 0..CALLS {
        let call = state.next(&mut draw, &options);
        log.push(format!("{turn}: {call}").chars().take(600).collect());
        let failed = |what: String| -> Failed { format!("{what}\n{}", log.join("\n")).into() };
        let (got, expected) = (fast.call(&call, |x| x), truth.call(&call, Bounded::given));
        if got != expected {
            return Err(failed(format!("f32 gave {got:?}, the twin {expected:?}")));
        }
        if let (Call::AddGroup(group), Ok(())) = (&call, &got) {
            for own in state.take(group) {
                truth.values.push(own.iter().copied().map(Bounded::given).collect());
                fast.values.push(own);
            }
        }
        for ((name, _), (got, expected)) in state.params.iter().zip(fast.values.iter().zip(&truth.values)) {
            let (got, expected): (Vec<f32>, Vec<Bounded>) = got.iter().zip(expected).filter(|(_, truth)| truth.error.is_finite()).unzip();
            compare(name, &got, &expected).map_err(|failure| failed(failure.to_string()))?;
        }
        if fast.optimizer.steps() != truth.optimizer.steps() {
            return Err(failed(format!("step counts are {:?}, expected {:?}", fast.optimizer.steps(), truth.optimizer.steps())));
        }
    }
    Ok(())
}
