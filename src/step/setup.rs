use super::{Blocks, Clip, Features, Group, Options};
use crate::error::{Error, Result, unknown};
use crate::rule::AnyRule;
use crate::schedule::Schedule;

/// Host configuration shared by both optimizers, without parameters: the options and, for each group, rule, clip and schedules.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The options.
    pub options: Options,
    /// The groups, with their clip filled in.
    pub groups: Vec<Group<()>>,
    /// Their hyper-parameters.
    pub blocks: Blocks,
}

impl Setup {
    /// No groups yet.
    pub fn new(options: Options) -> Result<Self> {
        options.check()?;
        Ok(Setup { options, groups: Vec::new(), blocks: Blocks::default() })
    }

    /// Takes one more group; returns its parameters.
    pub fn add<P>(&mut self, group: Group<P>) -> Result<Vec<P>> {
        let Group { rule, params, clip, schedules } = group;
        let (number, clip) = (self.groups.len(), clip.unwrap_or(self.options.clip));
        clip.check(number)?;
        if self.options.lookahead.is_some() && rule.tracks_values() {
            let what =
                format!("{} keeps values in its state, which Lookahead would leave behind; take another rule, or an average", rule.name());
            return Err(Error::Conflict { what });
        }
        let lanes = Features::of(&self.options, &self.groups).lanes(&*rule);
        if let Some(twice) = (1..lanes.len()).find(|&index| lanes[..index].contains(&lanes[index])) {
            let (rule, name) = (rule.name(), lanes[twice]);
            return Err(Error::HyperParameters { rule, message: format!("its state {name} has the name of one that the options keep") });
        }
        // Also where every parameter has another learning rate, the group's own has to be valid.
        self.blocks.of(number, &*rule, &schedules, 1.0)?;
        self.groups.push(Group { rule, params: Vec::new(), clip: Some(clip), schedules });
        Ok(params)
    }

    /// The block of a group's parameters whose learning rate is scaled as this parameter's.
    pub fn block(&mut self, group: usize, param: &str, lr_scale: f64) -> Result<usize> {
        if !(0.0..f64::INFINITY).contains(&lr_scale) {
            return Err(Error::LrScale { param: param.to_owned(), got: lr_scale });
        }
        let Group { rule, schedules, .. } = &self.groups[group];
        self.blocks.of(group, &**rule, schedules, lr_scale)
    }

    /// A group by its number.
    pub fn group(&self, group: usize) -> Result<&Group<()>> {
        self.groups.get(group).ok_or(Error::UnknownGroup { group, groups: self.groups.len() })
    }

    /// How a group's gradients are limited.
    pub fn clip(&self, group: usize) -> Clip {
        self.groups[group].clip.unwrap_or(self.options.clip)
    }

    /// What all of it asks of the kernels.
    pub fn features(&self) -> Features {
        Features::of(&self.options, &self.groups)
    }

    /// Replaces a group's hyper-parameters, by a rule that has the same kernels and states.
    pub fn set_rule(&mut self, group: usize, rule: Box<dyn AnyRule>) -> Result<()> {
        rule.check_replaces(&*self.group(group)?.rule, group)?;
        let schedules = self.groups[group].schedules.clone();
        self.replace(group, rule, schedules)
    }

    /// Gives a hyper-parameter of a group a schedule, or, with `None`, the rule's own value again.
    pub fn set_schedule(&mut self, group: usize, hyper_parameter: &str, schedule: Option<Schedule>) -> Result<()> {
        let Group { rule, schedules, .. } = self.group(group)?;
        let (rule, mut schedules) = (rule.clone(), schedules.clone());
        if !rule.scheduled().contains(&hyper_parameter) {
            return Err(unknown("schedulable hyper-parameter", hyper_parameter, rule.scheduled()));
        }
        schedules.retain(|(name, _)| name != hyper_parameter);
        schedules.extend(schedule.map(|schedule| (hyper_parameter.to_owned(), schedule)));
        self.replace(group, rule, schedules)
    }

    /// Sets one hyper-parameter of a group, which has no schedule from then on.
    pub fn set(&mut self, group: usize, hyper_parameter: &str, value: f64) -> Result<()> {
        let Group { rule, schedules, .. } = self.group(group)?;
        let (mut rule, mut schedules) = (rule.clone(), schedules.clone());
        rule.try_set(hyper_parameter, value)?;
        rule.check_replaces(&*self.groups[group].rule, group)?;
        schedules.retain(|(name, _)| name != hyper_parameter);
        self.replace(group, rule, schedules)
    }

    fn replace(&mut self, group: usize, rule: Box<dyn AnyRule>, schedules: Vec<(String, Schedule)>) -> Result<()> {
        self.blocks = self.blocks.replaced(group, &*rule, &schedules)?;
        (self.groups[group].rule, self.groups[group].schedules) = (rule, schedules);
        Ok(())
    }
}
