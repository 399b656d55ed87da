use super::buffers::named;
use super::build::members;
use super::{Optimizer, Slot};
use crate::error::{Error, Result, unknown};
use crate::gpu::{Binding, Member};
use crate::rule::AnyRule;
use crate::schedule::Schedule;
use crate::step::Setup;

impl Optimizer {
    /// Replaces a group's hyper-parameters for the steps recorded from now on. Kernels and state stay, so the rule must be the same and
    /// use the same states. Schedules stay too.
    pub fn set_rule(&mut self, group: usize, rule: impl Into<Box<dyn AnyRule>>) -> Result<()> {
        let rule = rule.into();
        self.set_up(|setup| setup.set_rule(group, rule))
    }

    /// Sets one hyper-parameter of a group by name, for the steps recorded from now on: `set(0, "lr", 1e-4)`. A flag is 0 or 1. A schedule that
    /// it had ends.
    pub fn set(&mut self, group: usize, hyper_parameter: &str, value: f64) -> Result<()> {
        self.set_up(|setup| setup.set(group, hyper_parameter, value))
    }

    /// Sets the learning rate of every group, for the steps recorded from now on. Schedules that it had end.
    pub fn set_lr(&mut self, lr: f64) -> Result<()> {
        self.set_up(|setup| (0..setup.groups.len()).try_for_each(|group| setup.set(group, "lr", lr)))
    }

    /// Gives a hyper-parameter of a group a schedule, for the steps recorded from now on: in the
    /// optimizer's step `t`, counted from 1 without skipped steps, its value is `schedule.value(t - 1)`. With `None`, it is again what the rule has.
    pub fn set_schedule(&mut self, group: usize, hyper_parameter: &str, schedule: Option<Schedule>) -> Result<()> {
        self.set_up(|setup| setup.set_schedule(group, hyper_parameter, schedule))
    }

    fn set_up(&mut self, change: impl FnOnce(&mut Setup) -> Result<()>) -> Result<()> {
        let mut setup = self.setup.clone();
        change(&mut setup)?;
        self.engine.record = self.engine.record.with_settings(&self.engine.device, &setup, &self.engine.layout)?;
        self.setup = setup;
        Ok(())
    }

    /// Activates or deactivates parameters, for the steps recorded from now on. One that is not active keeps value, state and step count, as a
    /// tensor without a gradient does in torch; the others go on counting. Its gradient stays too, even with [`crate::Options::zero_grad`]: if the
    /// backward pass adds to it all the while, record [`Optimizer::zero_grad`] before it takes part again. Names are whole names.
    pub fn set_active<'a>(&mut self, params: impl IntoIterator<Item = &'a str>, active: bool) -> Result<()> {
        let mut members: Vec<Member> = members(&self.slots);
        for param in params {
            members[self.find(param)?].active = active;
        }
        let mut engine = self.engine.clone();
        engine.record = engine.record.with_members(&engine.device, &self.setup, &engine.layout, &members, &engine.tree)?;
        let features = self.setup.features();
        // Nothing else reads who takes part.
        if features.measures || features.accumulates {
            let passes = self.passes.bound(&engine, &self.setup);
            self.passes = passes.map_err(|error| named(&engine.device, &self.slots, error))?;
        }
        self.engine = engine;
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
            if self.engine.pages.own(binding.buffer()) {
                return Err(Error::OwnState { param: name.to_owned() });
            }
            set(slot, binding);
            slot.param.check()?;
        }
        self.replan(slots)
    }

    pub(super) fn find(&self, param: &str) -> Result<usize> {
        self.names.get(param).copied().ok_or_else(|| unknown("parameter", param, self.names()))
    }
}
