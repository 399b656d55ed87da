use crate::error::{Error, Result, unknown};
use crate::rule::{AnyRule, Assigned};
use crate::schedule::Schedule;

/// How far a schedule's value on a GPU may be from the exact one, as a part of it.
pub(crate) const SCHEDULE_ERROR: f64 = 1e-6;

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
    scheduled: Vec<Scheduled>,
}

/// A member of a rule's hyper-parameters that a schedule sets to `offset + slope * value`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Scheduled {
    member: usize,
    offset: f64,
    slope: f64,
    /// Which of the group's schedules.
    schedule: usize,
}

/// One word of a block's hyper-parameters, as `prepare` sets it in each step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Assignment {
    /// To these bits.
    Constant(u32),
    /// To `offset + slope * value` of one of the group's schedules.
    Scheduled {
        /// Which one.
        schedule: usize,
        /// The value where the schedule's is 0.
        offset: f64,
        /// By what the schedule's is multiplied.
        slope: f64,
    },
}

impl Block {
    /// Fails on a rule without a learning rate that is scaled, and on schedules for what the rule does not mark, or of values that it refuses.
    pub fn new(group: usize, rule: &dyn AnyRule, schedules: &[(String, Schedule)], lr_scale: f64) -> Result<Self> {
        let mut scaled = rule.boxed();
        if lr_scale != 1.0 {
            let index = rule.parameters().iter().position(|parameter| parameter.name == "lr");
            let lr = index.ok_or_else(|| unknown("hyper-parameter", "lr", rule.parameters().iter().map(|known| known.name)))?;
            scaled.set("lr", lr_scale * rule.values()[lr]);
        }
        scaled.validate()?;
        let mut scheduled = Vec::new();
        for (index, (name, schedule)) in schedules.iter().enumerate() {
            let scale = if name == "lr" { lr_scale } else { 1.0 };
            check(group, rule, name, schedule, scale)?;
            if schedules[..index].iter().any(|(earlier, _)| earlier == name) {
                return Err(Error::Conflict { what: format!("group {group} has two schedules for {name}") });
            }
            let members = affine(&*scaled, name).ok_or_else(|| Error::HyperParameters {
                rule: rule.name(),
                message: format!("{name} is marked as schedulable, but hyper-parameters do not depend on it as a + b * x"),
            })?;
            scheduled.extend(members.into_iter().map(|(member, offset, slope)| Scheduled {
                member,
                offset,
                slope: slope * scale,
                schedule: index,
            }));
        }
        Ok(Block { group, lr_scale, rule: scaled, scheduled })
    }

    /// Which member tells the learning rate, as `offset + slope * lr`.
    pub(crate) fn lr(&self) -> Option<(usize, f64, f64)> {
        affine(&*self.rule, "lr")?.into_iter().next()
    }

    /// How `prepare` sets each word.
    pub fn assignments(&self) -> Vec<Assignment> {
        let mut assignments: Vec<Assignment> = self.rule.hyper_words().into_iter().map(Assignment::Constant).collect();
        for &Scheduled { member, offset, slope, schedule } in &self.scheduled {
            assignments[member] = Assignment::Scheduled { schedule, offset, slope };
        }
        assignments
    }

    /// The same for the twin, in this step, which counts from 0.
    pub fn assigned(&self, schedules: &[(String, Schedule)], step: u32) -> Vec<Assigned> {
        let assigned = |&Scheduled { member, offset, slope, schedule }: &Scheduled| {
            let change = slope * schedules[schedule].1.value(step);
            Assigned { member, number: offset + change, error: SCHEDULE_ERROR * change.abs() }
        };
        self.scheduled.iter().map(assigned).collect()
    }
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
        let message = |error| format!("its values go from {least} to {most}, times {scale}; {error}");
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

/// The members that depend on a hyper-parameter, each as `offset + slope * x`; `None` if one depends on it otherwise.
fn affine(rule: &dyn AnyRule, name: &str) -> Option<Vec<(usize, f64, f64)>> {
    let at = |x: f64| {
        let mut rule = rule.boxed();
        rule.set(name, x);
        rule.hyper_numbers()
    };
    let [near, middle, far] = [0.25, 0.5, 0.75].map(at);
    let mut members = Vec::new();
    for (member, ((near, middle), far)) in near.into_iter().zip(middle).zip(far).enumerate() {
        let slope = 4.0 * (middle - near);
        let straight = (far - middle - (middle - near)).abs() <= 1e-9 * (near.abs() + middle.abs() + far.abs());
        if !straight {
            return None;
        }
        if slope != 0.0 {
            members.push((member, near - 0.25 * slope, slope));
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
    pub fn of(&mut self, group: usize, rule: &dyn AnyRule, schedules: &[(String, Schedule)], lr_scale: f64) -> Result<usize> {
        let known = self.list.iter().position(|block| block.group == group && block.lr_scale == lr_scale);
        if let Some(index) = known {
            return Ok(index);
        }
        self.list.push(Block::new(group, rule, schedules, lr_scale)?);
        Ok(self.list.len() - 1)
    }

    /// The same blocks with another rule or other schedules for a group.
    pub fn replaced(&self, group: usize, rule: &dyn AnyRule, schedules: &[(String, Schedule)]) -> Result<Self> {
        let replaced = |block: &Block| match block.group == group {
            true => Block::new(group, rule, schedules, block.lr_scale),
            false => Ok(block.clone()),
        };
        Ok(Blocks { list: self.list.iter().map(replaced).collect::<Result<_>>()? })
    }
}
