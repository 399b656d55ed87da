//! The host's configuration, which both optimizers share: options and groups without their parameters.

use super::blocks::is_clips;
use super::clip::MAX_NORM;
use super::keys::check_keys;
use super::{Assignment, Average, Blocks, Clip, ClipWords, Form, Group, GroupKey, Keeps, LossScale, Options, StateStorage, StepKind};
use crate::error::{Error, Result, unknown};
use crate::rule::{AnyRule, Layout as _};
use crate::schedule::Schedule;

/// Host configuration shared by both optimizers, without parameters: the options and, for each group, rule, clip and schedules.
#[derive(Clone, Debug)]
pub struct Config {
    /// The options.
    pub options: Options,
    /// The groups, without their parameters.
    pub groups: Vec<Group<()>>,
    /// Their hyper-parameters.
    pub blocks: Blocks,
}

impl Config {
    /// No groups yet.
    ///
    /// # Errors
    ///
    /// Options out of range, or two that exclude each other.
    pub fn new(options: Options) -> Result<Self> {
        options.check()?;
        Ok(Config { options, groups: Vec::new(), blocks: Blocks::default() })
    }

    /// Takes one more group; returns its parameters.
    ///
    /// # Errors
    ///
    /// A rule, a clip or a schedule out of range, or a name that another group has.
    pub fn add<P>(&mut self, group: Group<P>) -> Result<Vec<P>> {
        let Group { name, rule, params, clip, state, schedules } = group;
        let number = self.groups.len();
        rule.check_stages().map_err(|message| Error::Stages { rule: rule.name(), message })?;
        check_clip(number, &*rule, clip.unwrap_or(self.options.clip), &schedules)?;
        if let Some(name) = name.as_ref().filter(|&name| self.groups.iter().any(|group| group.name.as_ref() == Some(name))) {
            return Err(Error::Conflict { what: format!("two groups have the name \"{name}\"") });
        }
        if self.options.lookahead.is_some() && rule.tracks_values() {
            let what =
                format!("{} keeps values in its state, which Lookahead would leave behind; take another rule, or an average", rule.name());
            return Err(Error::Conflict { what });
        }
        let lanes = StepKind::of(&self.options, &self.groups).lanes(&*rule, Keeps { matrix: true, counted: true, ..Keeps::default() });
        check_keys(&*rule, &lanes).map_err(|message| Error::HyperParameters { rule: rule.name(), message })?;
        let lanes: Vec<&str> = lanes.iter().map(|lane| lane.name).collect();
        if let Some(twice) = (1..lanes.len()).find(|&index| lanes[..index].contains(&lanes[index])) {
            let (rule, name) = (rule.name(), lanes[twice]);
            return Err(Error::HyperParameters { rule, message: format!("its state {name} has the name of one that the options keep") });
        }
        // Also where every parameter has another learning rate, the group's own has to be valid.
        self.blocks.of(number, &*rule, &schedules, 1.0)?;
        self.groups.push(Group { name, rule, params: Vec::new(), clip, state, schedules });
        Ok(params)
    }

    /// The block of a group's parameters whose learning rate is scaled as this parameter's.
    ///
    /// # Errors
    ///
    /// An `lr_scale` that is negative or not finite, or that the rule has no learning rate for.
    pub fn block(&mut self, group: usize, param: &str, lr_scale: f64) -> Result<usize> {
        if !(0.0..f64::INFINITY).contains(&lr_scale) {
            return Err(Error::LrScale { param: param.to_owned(), got: lr_scale });
        }
        let Group { rule, schedules, .. } = &self.groups[group];
        self.blocks.of(group, &**rule, schedules, lr_scale)
    }

    /// A group's number.
    ///
    /// # Errors
    ///
    /// No such group.
    pub fn number(&self, group: impl GroupKey) -> Result<usize> {
        group.number(&self.groups)
    }

    /// How a group's gradients are limited.
    pub fn clip(&self, group: usize) -> Clip {
        self.groups[group].clip.unwrap_or(self.options.clip)
    }

    /// What a group's states are stored as.
    pub fn state(&self, group: usize) -> StateStorage {
        self.groups[group].state.unwrap_or(self.options.state)
    }

    /// What kind of steps it asks for.
    pub fn step_kind(&self) -> StepKind {
        StepKind::of(&self.options, &self.groups)
    }

    /// Replaces a group's hyper-parameters, by a rule that has the same kernels and states.
    ///
    /// # Errors
    ///
    /// Another rule than the group's, one that needs other kernels or states, or one out of range.
    pub fn set_rule(&mut self, group: usize, rule: Box<dyn AnyRule>) -> Result<()> {
        rule.check_replaces(&*self.groups[group].rule, group)?;
        let schedules = self.groups[group].schedules.clone();
        self.replace(group, rule, schedules)
    }

    /// Gives a hyper-parameter of a group a schedule, or, with `None`, the rule's own value again.
    ///
    /// # Errors
    ///
    /// A hyper-parameter that has no schedules, or a schedule that is out of its range.
    pub fn set_schedule(&mut self, group: usize, hyper_parameter: &str, schedule: Option<Schedule>) -> Result<()> {
        let Group { rule, schedules, .. } = &self.groups[group];
        let (rule, mut schedules) = (rule.clone(), schedules.clone());
        if !rule.scheduled().contains(&hyper_parameter) && !is_clips(&*rule, hyper_parameter) {
            let clips = matches!(self.clip(group), Clip::Norm(_)).then_some(MAX_NORM);
            return Err(unknown("schedulable hyper-parameter", hyper_parameter, rule.scheduled().into_iter().chain(clips)));
        }
        schedules.retain(|(name, _)| name != hyper_parameter);
        schedules.extend(schedule.map(|schedule| (hyper_parameter.to_owned(), schedule)));
        self.replace(group, rule, schedules)
    }

    /// Sets one hyper-parameter of a group, which has no schedule from then on.
    ///
    /// # Errors
    ///
    /// A name that the rule does not have, or a value out of range.
    pub fn set(&mut self, group: usize, hyper_parameter: &str, value: f64) -> Result<()> {
        let Group { rule, schedules, .. } = &self.groups[group];
        if is_clips(&**rule, hyper_parameter) {
            let what = || format!("group {group} is not clipped by a norm, so it has no {MAX_NORM}; set_clip with Clip::Norm gives it one");
            let clip = self.clip(group).with_max_norm(value).ok_or_else(|| Error::Conflict { what: what() })?;
            return self.set_clip(group, clip);
        }
        let (mut rule, mut schedules) = (rule.clone(), schedules.clone());
        rule.try_set(hyper_parameter, value)?;
        rule.check_replaces(&*self.groups[group].rule, group)?;
        schedules.retain(|(name, _)| name != hyper_parameter);
        self.replace(group, rule, schedules)
    }

    /// Sets how a group's gradients are limited; a schedule of `max_norm` ends.
    ///
    /// # Errors
    ///
    /// A clip out of range, or an adaptive one where there was none.
    pub fn set_clip(&mut self, group: usize, clip: Clip) -> Result<()> {
        check_units(group, self.clip(group), clip)?;
        self.replace_clip(group, clip)
    }

    /// Sets how a group's gradients are limited, also where that needs other room.
    ///
    /// # Errors
    ///
    /// A clip out of range.
    pub(crate) fn replace_clip(&mut self, group: usize, clip: Clip) -> Result<()> {
        let Group { rule, schedules, .. } = &self.groups[group];
        clip.check(group)?;
        let schedules: Vec<_> = schedules.iter().filter(|(name, _)| !is_clips(&**rule, name)).cloned().collect();
        let rule = rule.clone();
        self.groups[group].clip = Some(clip);
        self.replace(group, rule, schedules)
    }

    /// Sets the options, which keep what they keep of the parameters. Returns the loss scale if that begins anew.
    ///
    /// # Errors
    ///
    /// Options out of range, or options that keep other states of the parameters.
    pub fn set_options(&mut self, options: Options) -> Result<Option<f64>> {
        options.check()?;
        let states = |options: &Options| {
            let accumulated = options.accumulates().then_some(super::ACCUMULATED);
            accumulated.into_iter().chain(options.averages().iter().map(Average::state)).collect::<Vec<_>>()
        };
        let (has, wants) = (states(&self.options), states(&options));
        if has != wants {
            let what =
                format!("the options keep [{}]; [{}] needs other states, which change_options makes", has.join(", "), wants.join(", "));
            return Err(Error::Conflict { what });
        }
        self.check_storage(&options)?;
        self.options.averages().iter().zip(&options.averages()).try_for_each(|(has, wants)| has.check_becomes(wants))?;
        for (number, group) in self.groups.iter().enumerate() {
            let clip = group.clip.unwrap_or(options.clip);
            check_units(number, self.clip(number), clip)?;
            check_clip(number, &*group.rule, clip, &group.schedules)?;
        }
        Ok(self.replace_options(options))
    }

    /// Fails where options store states otherwise.
    pub(crate) fn check_storage(&self, options: &Options) -> Result<()> {
        if options.state == self.options.state {
            return Ok(());
        }
        let what = "options store states as others than before; make an optimizer of them, and have it restore a checkpoint with convert";
        Err(Error::Conflict { what: what.into() })
    }

    /// Sets the options, whatever they keep; whoever makes an optimizer of it checks them. Returns the loss scale if that begins anew.
    pub(crate) fn replace_options(&mut self, options: Options) -> Option<f64> {
        let goes_on = matches!((self.options.loss_scale, options.loss_scale), (LossScale::Dynamic(_), LossScale::Dynamic(_)));
        let begins = !goes_on && self.options.loss_scale != options.loss_scale;
        self.options = options;
        begins.then(|| options.loss_scale.initial())
    }

    /// How `prepare` sets each word of a group's clip.
    pub(crate) fn clip_assignments(&self, group: usize) -> Vec<Assignment> {
        let scheduled = self.max_norm_schedule(group);
        // One that is infinite for now is no clip, as far as kernels know.
        let clip = scheduled.and_then(|_| self.clip(group).with_max_norm(1.0)).unwrap_or(self.clip(group));
        let mut words: Vec<Assignment> = clip.words().words().into_iter().map(Assignment::Constant).collect();
        if let (Some(schedule), Some(limit)) = (scheduled, ClipWords::<f32>::FIELDS.iter().position(|field| field.name == "limit")) {
            words[limit] = Assignment::Scheduled { schedule, form: Form::ITSELF };
        }
        words
    }

    /// Which of a group's schedules is that of its `max_norm`.
    pub(crate) fn max_norm_schedule(&self, group: usize) -> Option<usize> {
        let Group { rule, schedules, .. } = &self.groups[group];
        schedules.iter().position(|(name, _)| is_clips(&**rule, name))
    }

    fn replace(&mut self, group: usize, rule: Box<dyn AnyRule>, schedules: Vec<(String, Schedule)>) -> Result<()> {
        check_clip(group, &*rule, self.clip(group), &schedules)?;
        self.blocks = self.blocks.replaced(group, &*rule, &schedules)?;
        (self.groups[group].rule, self.groups[group].schedules) = (rule, schedules);
        Ok(())
    }
}

/// Units have factors in the step record, whose place is chosen when the optimizer is made.
fn check_units(group: usize, has: Clip, wants: Clip) -> Result<()> {
    let is_adaptive = |clip| matches!(clip, Clip::Adaptive(_));
    if is_adaptive(has) || !is_adaptive(wants) {
        return Ok(());
    }
    Err(Error::Conflict {
        what: format!("group {group} is not clipped adaptively; to begin that needs room for factors, which change_clip makes"),
    })
}

/// The clip and the schedule of its `max_norm`.
fn check_clip(group: usize, rule: &dyn AnyRule, clip: Clip, schedules: &[(String, Schedule)]) -> Result<()> {
    clip.check(group)?;
    let mut own = schedules.iter().filter(|(name, _)| is_clips(rule, name));
    let Some((_, schedule)) = own.next() else { return Ok(()) };
    if own.next().is_some() {
        return Err(Error::Conflict { what: format!("group {group} has two schedules for {MAX_NORM}") });
    }
    schedule.check().map_err(|message| Error::Schedule { group, parameter: MAX_NORM, message })?;
    let (least, most) = schedule.bounds();
    for value in [least, most] {
        let Some(clip) = clip.with_max_norm(value) else {
            return Err(Error::Conflict { what: format!("group {group} has a schedule for {MAX_NORM}, which only Clip::Norm has") });
        };
        let message = |error| format!("its values go from {least} to {most}; {error}");
        clip.check(group).map_err(|error| Error::Schedule { group, parameter: MAX_NORM, message: message(error) })?;
    }
    Ok(())
}
