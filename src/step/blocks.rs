//! A group's hyper-parameters for one `lr_scale`, with the members that schedules set.

use super::clip::MAX_NORM;
use crate::error::{Error, Result, unknown};
use crate::rule::{AnyRule, ScheduledMember};
use crate::schedule::Schedule;

/// How far a schedule's value on a GPU may be from the exact one, as a part of it.
pub(crate) const SCHEDULE_ERROR: f64 = 1e-6;

/// How far f32 is from a number, as a part of it.
const ROUNDING: f64 = 6e-8;

/// How far the logarithm of a number is from the exact one there, as a part of it: 4 ulp.
const LOGARITHM_ERROR: f64 = 2.4e-7;

/// The largest number of which a logarithm is scheduled: `1 - x` is as far off as `x`, so by 1% here.
const MOST_LOGARITHM: f64 = 0.9999;

/// A group's hyper-parameters for one `lr_scale`.
#[derive(Clone, Debug)]
pub struct Block {
    /// The group.
    pub group: usize,
    /// The factor by which the learning rate is multiplied.
    pub lr_scale: f64,
    /// The group's rule, so scaled.
    pub rule: Box<dyn AnyRule>,
    /// What the group's schedules set.
    scheduled: Vec<Dependent>,
}

/// A member of a rule's hyper-parameters that a schedule sets.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Dependent {
    member: usize,
    form: Form,
    /// Which of the group's schedules.
    schedule: usize,
}

/// How a number follows from another one, `x`: `offset + slope * x`, or its logarithm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Form {
    /// The number where `x` is 0.
    pub offset: f64,
    /// By what `x` is multiplied.
    pub slope: f64,
    /// Whether it is the logarithm of that.
    pub logarithm: bool,
}

impl Form {
    /// `x` itself.
    pub(crate) const ITSELF: Form = Form { offset: 0.0, slope: 1.0, logarithm: false };

    /// Of a schedule's value, with how far a GPU's may be off.
    pub(crate) fn of(&self, value: f64) -> (f64, f64) {
        let change = self.slope * value;
        let number = self.offset + change;
        // An offset is rounded, and so is the sum with it.
        let rounding = if self.offset == 0.0 { 0.0 } else { ROUNDING * (self.offset.abs() + number.abs()) };
        let error = SCHEDULE_ERROR * change.abs() + rounding;
        if !self.logarithm {
            return (number, error);
        }
        // As `ln_beta` has it.
        let ln = number.ln().max(-1e3);
        (ln, if number > 0.0 { error / number + LOGARITHM_ERROR * ln.abs() } else { 0.0 })
    }
}

/// One word of a block's hyper-parameters, as `prepare` sets it in each step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Assignment {
    /// To these bits.
    Constant(u32),
    /// To what follows from one of the group's schedules.
    Scheduled {
        /// Which one.
        schedule: usize,
        /// How.
        form: Form,
    },
}

impl Block {
    /// The rule with its learning rate scaled and its schedules checked.
    ///
    /// # Errors
    ///
    /// A scale for a rule without a learning rate; a schedule for what the rule does not mark, or of values that it refuses.
    pub fn new(group: usize, rule: &dyn AnyRule, schedules: &[(String, Schedule)], lr_scale: f64) -> Result<Self> {
        let mut scaled = rule.boxed();
        if lr_scale != 1.0 {
            for name in rule.learning_rates() {
                let index = rule.parameters().iter().position(|parameter| parameter.name == *name);
                let lr = index.ok_or_else(|| unknown("hyper-parameter", name, rule.parameters().iter().map(|known| known.name)))?;
                scaled.set(name, lr_scale * rule.values()[lr]);
            }
        }
        scaled.validate()?;
        let mut scheduled = Vec::new();
        for (index, (name, schedule)) in schedules.iter().enumerate().filter(|(_, (name, _))| !is_clips(rule, name)) {
            let scale = if rule.learning_rates().contains(&&**name) { lr_scale } else { 1.0 };
            check(group, rule, name, schedule, scale)?;
            if schedules[..index].iter().any(|(earlier, _)| earlier == name) {
                return Err(Error::Conflict { what: format!("group {group} has two schedules for {name}") });
            }
            let members = dependents(&*scaled, name).ok_or_else(|| Error::HyperParameters {
                rule: rule.name(),
                message: format!("{name} is marked as schedulable, but hyper-parameters do not depend on it as a + b * x or ln(x)"),
            })?;
            if members.iter().any(|(_, form)| form.logarithm) {
                check_logarithm(group, rule, name, schedule)?;
                // The second parts of logarithms are then 0, which is what a schedule sets.
                scaled.set(name, 0.0);
            }
            let scaled = |form: Form| Form { slope: form.slope * scale, ..form };
            scheduled.extend(members.into_iter().map(|(member, form)| Dependent { member, form: scaled(form), schedule: index }));
        }
        Ok(Block { group, lr_scale, rule: scaled, scheduled })
    }

    /// Which member tells the learning rate, as `offset + slope * lr`.
    pub(crate) fn lr(&self) -> Option<(usize, f64, f64)> {
        let (member, form) = dependents(&*self.rule, "lr")?.into_iter().next()?;
        Some((member, form.offset, form.slope))
    }

    /// How `prepare` sets each word.
    pub fn assignments(&self) -> Vec<Assignment> {
        let mut assignments: Vec<Assignment> = self.rule.hyper_words().into_iter().map(Assignment::Constant).collect();
        for &Dependent { member, form, schedule } in &self.scheduled {
            assignments[member] = Assignment::Scheduled { schedule, form };
        }
        assignments
    }

    /// What schedules set in this step, which counts from 0, for the twin.
    pub fn assigned(&self, schedules: &[(String, Schedule)], step: u32) -> Vec<ScheduledMember> {
        let assigned = |&Dependent { member, form, schedule }: &Dependent| {
            let (number, error) = form.of(schedules[schedule].1.value(step));
            ScheduledMember { member, number, error }
        };
        self.scheduled.iter().map(assigned).collect()
    }
}

/// Whether a schedule of this name is the clip's, not the rule's.
pub(crate) fn is_clips(rule: &dyn AnyRule, name: &str) -> bool {
    name == MAX_NORM && !rule.parameters().iter().any(|parameter| parameter.name == name)
}

fn check_logarithm(group: usize, rule: &dyn AnyRule, name: &str, schedule: &Schedule) -> Result<()> {
    let parameter = rule.parameters().iter().find(|parameter| parameter.name == name).map_or("", |parameter| parameter.name);
    let (_, most) = schedule.bounds();
    let message = format!("its values go up to {most}; a schedule's are within 1e-6, so 1 - {name} needs at most {MOST_LOGARITHM}");
    if most <= MOST_LOGARITHM { Ok(()) } else { Err(Error::Schedule { group, parameter, message }) }
}

fn check(group: usize, rule: &dyn AnyRule, name: &str, schedule: &Schedule, scale: f64) -> Result<()> {
    let known = rule.scheduled();
    let parameter = rule.parameters().iter().find(|parameter| parameter.name == name && known.contains(&name));
    let parameter = parameter.ok_or_else(|| unknown("schedulable hyper-parameter", name, known.iter().copied()))?;
    schedule.check().map_err(|message| Error::Schedule { group, parameter: parameter.name, message })?;
    let (least, most) = schedule.bounds();
    for value in [least, most] {
        let mut rule = rule.boxed();
        rule.set(name, scale * value);
        let scaled = if scale == 1.0 { String::new() } else { format!(", times the lr_scale {scale}") };
        let message = |error| format!("its values go from {least} to {most}{scaled}; {error}");
        rule.validate().map_err(|error| Error::Schedule { group, parameter: parameter.name, message: message(error) })?;
    }
    let mut changed = rule.boxed();
    changed.set(name, 0.5);
    let states =
        |rule: &dyn AnyRule| rule.active_states().into_iter().map(|state| rule.states()[state].name).collect::<Vec<_>>().join(", ");
    let (has, needs) = (states(rule), states(&*changed));
    if has == needs {
        return Ok(());
    }
    let message = format!(
        "{} keeps the state [{has}] with the {name} that the rule itself has, and a schedule needs [{needs}]; make the optimizer with a rule whose \
         {name} is the schedule's first value that is not 0",
        rule.name()
    );
    Err(Error::Schedule { group, parameter: parameter.name, message })
}

/// The members that depend on a hyper-parameter, each as `offset + slope * x` or `ln(x)`; `None` if one depends on it otherwise.
fn dependents(rule: &dyn AnyRule, name: &str) -> Option<Vec<(usize, Form)>> {
    let places = [0.25, 0.5, 0.75];
    let at = |x: f64| {
        let mut rule = rule.boxed();
        rule.set(name, x);
        rule.hyper_numbers()
    };
    let [near, middle, far] = places.map(at);
    let mut members = Vec::new();
    for (member, ((near, middle), far)) in near.into_iter().zip(middle).zip(far).enumerate() {
        let slope = 4.0 * (middle - near);
        let is_straight = (far - middle - (middle - near)).abs() <= 1e-9 * (near.abs() + middle.abs() + far.abs());
        let logarithm = [near, middle, far].iter().zip(places).all(|(got, x)| (got - x.ln()).abs() <= 1e-12);
        if !is_straight && !logarithm {
            return None;
        }
        if logarithm {
            members.push((member, Form { logarithm, ..Form::ITSELF }));
        } else if slope != 0.0 {
            members.push((member, Form { offset: near - 0.25 * slope, slope, logarithm }));
        }
    }
    Some(members)
}

/// All blocks of an optimizer.
#[derive(Clone, Debug, Default)]
pub struct Blocks {
    /// In the order in which parameters asked for them.
    pub list: Vec<Block>,
}

impl Blocks {
    /// The block of a group's parameters whose learning rate is scaled so; made at first use.
    ///
    /// # Errors
    ///
    /// Those of [`Block::new`].
    pub fn of(&mut self, group: usize, rule: &dyn AnyRule, schedules: &[(String, Schedule)], lr_scale: f64) -> Result<usize> {
        let known = self.list.iter().position(|block| block.group == group && block.lr_scale == lr_scale);
        if let Some(index) = known {
            return Ok(index);
        }
        self.list.push(Block::new(group, rule, schedules, lr_scale)?);
        Ok(self.list.len() - 1)
    }

    /// The same blocks with another rule or other schedules for a group.
    ///
    /// # Errors
    ///
    /// Those of [`Block::new`].
    pub fn replaced(&self, group: usize, rule: &dyn AnyRule, schedules: &[(String, Schedule)]) -> Result<Self> {
        let replaced = |block: &Block| match block.group == group {
            true => Block::new(group, rule, schedules, block.lr_scale),
            false => Ok(block.clone()),
        };
        Ok(Blocks { list: self.list.iter().map(replaced).collect::<Result<_>>()? })
    }
}
