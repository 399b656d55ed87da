use super::{Optimizer, Slot};
use crate::error::{Error, Result, unknown};
use crate::gpu::{Binding, Engine, Member};
use crate::rule::AnyRule;

impl Optimizer {
    /// Replaces a group's hyper-parameters for the steps recorded from now on. Kernels and state stay, so the rule must be the same and
    /// use the same states.
    pub fn set_rule(&mut self, group: usize, rule: impl Into<Box<dyn AnyRule>>) -> Result<()> {
        let rule = rule.into();
        rule.check_replaces(self.group(group)?, group)?;
        let mut rules = self.rules.clone();
        rules[group] = rule;
        self.set_rules(rules)
    }

    /// Sets one hyper-parameter of a group by name, for the steps recorded from now on: `set(0, "lr", 1e-4)`. A flag is 0 or 1.
    pub fn set(&mut self, group: usize, hyper_parameter: &str, value: f64) -> Result<()> {
        let mut rule = self.group(group)?.boxed();
        rule.try_set(hyper_parameter, value)?;
        self.set_rule(group, rule)
    }

    /// Sets the learning rate of every group, for the steps recorded from now on.
    pub fn set_lr(&mut self, lr: f64) -> Result<()> {
        let mut rules = self.rules.clone();
        rules.iter_mut().try_for_each(|rule| rule.try_set("lr", lr))?;
        self.set_rules(rules)
    }

    fn group(&self, group: usize) -> Result<&dyn AnyRule> {
        self.rule(group).ok_or(Error::UnknownGroup { group, groups: self.rules.len() })
    }

    fn set_rules(&mut self, rules: Vec<Box<dyn AnyRule>>) -> Result<()> {
        rules.iter().try_for_each(|rule| rule.validate())?;
        let Engine { device, record, .. } = &mut self.engine;
        record.replace_rules(device, &rules)?;
        self.rules = rules;
        Ok(())
    }

    /// Says whether parameters take part in the steps recorded from now on. One that does not keeps value, state and step count, as a
    /// tensor without a gradient does in torch; the others go on counting.
    pub fn set_active<'a>(&mut self, params: impl IntoIterator<Item = &'a str>, active: bool) -> Result<()> {
        let mut members: Vec<Member> = self.slots.iter().map(|slot| slot.member).collect();
        for param in params {
            members[self.find(param)?].active = active;
        }
        let Engine { device, layout, record, .. } = &mut self.engine;
        record.replace_members(device, layout, &self.rules, &members)?;
        self.slots.iter_mut().zip(members).for_each(|(slot, member)| slot.member = member);
        Ok(())
    }

    /// Gives parameters other gradients, for the steps recorded from now on. The shapes stay.
    pub fn set_gradients<'a, B: Into<Binding>>(&mut self, gradients: impl IntoIterator<Item = (&'a str, B)>) -> Result<()> {
        self.rebind(gradients, |slot, binding| slot.param.gradient = binding)
    }

    /// Gives parameters other values, for the steps recorded from now on. The shapes and the state stay.
    pub fn set_values<'a, B: Into<Binding>>(&mut self, values: impl IntoIterator<Item = (&'a str, B)>) -> Result<()> {
        self.rebind(values, |slot, binding| slot.param.value = binding)
    }

    fn rebind<'a, B: Into<Binding>>(
        &mut self,
        bindings: impl IntoIterator<Item = (&'a str, B)>,
        set: impl Fn(&mut Slot, Binding),
    ) -> Result<()> {
        let mut slots = self.slots.clone();
        for (name, binding) in bindings {
            let slot = &mut slots[self.find(name)?];
            let binding = binding.into();
            if self.engine.lanes.own(binding.buffer()) {
                return Err(Error::OwnState { param: name.to_owned() });
            }
            set(slot, binding);
            slot.param.check()?;
        }
        super::build::check_overlap(&slots)?;
        self.passes = super::build::passes(&mut self.engine, &self.rules, &slots)?;
        self.slots = slots;
        Ok(())
    }

    pub(super) fn find(&self, param: &str) -> Result<usize> {
        self.names.get(param).copied().ok_or_else(|| unknown("parameter", param, self.names()))
    }
}
