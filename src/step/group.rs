//! `Group`: parameters that share a rule's hyper-parameters, chosen by name, by pattern or by shape.

use super::{Clip, StateStorage};
use crate::error::{Error, Result, unknown};
use crate::rule::AnyRule;
use crate::schedule::Schedule;

/// Parameters that share a rule's hyper-parameters, as in torch's `param_groups`: [`Param`](crate::Param)s on the GPU,
/// [`CpuParam`](crate::cpu::CpuParam)s on the CPU.
///
/// ```
/// use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
/// use wgpu_optim::step::Group;
/// use wgpu_optim::{AdamW, Clip, Schedule};
///
/// let mut params = vec![CpuParam::new("fc.weight", &[4, 3]), CpuParam::new("fc.bias", &[4])];
/// let biases = Group::matching(AdamW { weight_decay: 0.0, ..Default::default() }, &mut params, "*.bias");
/// let biases = Group { name: Some("biases".into()), clip: Some(Clip::Value(0.1)), ..biases };
/// let lr = Schedule::Cosine { from: 1e-3, to: 0.0, steps: 1000 };
/// let weights = Group { schedules: vec![("lr".into(), lr)], ..Group::new(AdamW::default(), params) };
/// let mut optimizer = CpuOptimizer::<f32>::with_groups([biases, weights])?;
/// optimizer.set("biases", "lr", 1e-4)?;
/// # Ok::<(), wgpu_optim::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Group<P> {
    /// The name by which [`Optimizer::set`](crate::Optimizer::set) and the like know it besides its number; unique.
    ///
    /// Default: `None`.
    pub name: Option<String>,
    /// The rule; a group may have another than its neighbours.
    pub rule: Box<dyn AnyRule>,
    /// The parameters.
    pub params: Vec<P>,
    /// How gradients of the group are limited; with `None`, as [`Options::clip`](crate::Options::clip) says.
    ///
    /// Default: `None`.
    pub clip: Option<Clip>,
    /// What the states of the group are stored as; with `None`, as [`Options::state`](crate::Options::state) says.
    ///
    /// Default: `None`.
    pub state: Option<StateStorage>,
    /// Hyper-parameters that change from step to step, such as `("lr".into(), Schedule::Constant(1e-3))`: those whose page says that they can be scheduled,
    /// and `"max_norm"` of a [`Clip::Norm`]. A schedule replaces the rule's or the clip's own value: in the
    /// optimizer's step `t`, counted from 1 without skipped steps, it is `schedule.value(t - 1)`.
    ///
    /// Default: `[]`.
    pub schedules: Vec<(String, Schedule)>,
}

impl<P> Group<P> {
    /// A group of parameters with a rule.
    pub fn new(rule: impl Into<Box<dyn AnyRule>>, params: impl IntoIterator<Item = P>) -> Self {
        Group { name: None, rule: rule.into(), params: params.into_iter().collect(), clip: None, state: None, schedules: Vec::new() }
    }

    /// Takes the parameters that match out of `params` and makes a group of them; a misspelt pattern makes an empty group, and no error.
    ///
    /// `which` is a pattern for names, with `*` and `?`, several of them, or a function. An empty group is legal, as in torch: a model may have no norms.
    /// Where some are expected, `assert!(!group.params.is_empty())`. The `Debug` of an optimizer says how many parameters each group has.
    ///
    /// ```
    /// # fn groups(tensors: &wgpu_optim::Tensors) -> Vec<wgpu_optim::Group> {
    /// use wgpu_optim::{AdamW, Group};
    ///
    /// let mut params = tensors.params();
    /// let plain = Group::matching(AdamW { weight_decay: 0.0, ..Default::default() }, &mut params, ["*.bias", "*norm*"]);
    /// vec![plain, Group::new(AdamW::default(), params)]
    /// # }
    /// ```
    pub fn matching(rule: impl Into<Box<dyn AnyRule>>, params: &mut Vec<P>, which: impl Matches<P>) -> Self {
        let (taken, left) = core::mem::take(params).into_iter().partition(|param| which.matches(param));
        *params = left;
        Group::new(rule, Vec::<P>::from_iter(taken as Vec<P>))
    }

    /// The rule for all parameters, without weight decay for those of less than two dimensions, which are biases and norms: two groups.
    /// A rule without `weight_decay` has it in neither.
    pub fn decay_matrices_only(rule: impl Into<Box<dyn AnyRule>>, params: impl IntoIterator<Item = P>) -> Vec<Self>
    where
        P: Named,
    {
        let rule = rule.into();
        let mut plain = rule.clone();
        plain.set("weight_decay", 0.0);
        let (matrices, vectors): (Vec<P>, Vec<P>) = params.into_iter().partition(|param| param.shape().len() > 1);
        [Group::new(rule, matrices), Group::new(plain, vectors)].into_iter().filter(|group| !group.params.is_empty()).collect()
    }
}

/// What a group is called by: its number, from 0 in the order of construction, or its name.
///
/// ```
/// use wgpu_optim::step::{Group, GroupKey};
/// use wgpu_optim::{Adam, Error};
///
/// let groups = [Group { name: Some("biases".into()), ..Group::new(Adam::default(), []) }];
/// assert_eq!((0.number(&groups), "biases".number(&groups)), (Ok(0), Ok(0)));
/// assert_eq!(1.number(&groups), Err(Error::UnknownGroup { group: 1, groups: 1 }));
/// ```
pub trait GroupKey {
    /// The group's number.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownGroup`] on a number, and [`Error::UnknownName`] on a name, that no group has.
    fn number(&self, groups: &[Group<()>]) -> Result<usize>;
}

impl GroupKey for usize {
    fn number(&self, groups: &[Group<()>]) -> Result<usize> {
        if *self < groups.len() { Ok(*self) } else { Err(Error::UnknownGroup { group: *self, groups: groups.len() }) }
    }
}

impl GroupKey for &str {
    fn number(&self, groups: &[Group<()>]) -> Result<usize> {
        let number = groups.iter().position(|group| group.name.as_deref() == Some(self));
        number.ok_or_else(|| unknown("group", self, groups.iter().filter_map(|group| group.name.as_deref())))
    }
}

impl GroupKey for &String {
    fn number(&self, groups: &[Group<()>]) -> Result<usize> {
        self.as_str().number(groups)
    }
}

/// What parameters on either side have.
pub trait Named {
    /// The name.
    fn name(&self) -> &str;
    /// Sizes of the dimensions.
    fn shape(&self) -> &[usize];
}

/// A choice of parameters: a pattern for names (`"*.bias"`, where `*` is any text and `?` any character), several of them, or a function.
///
/// ```
/// use wgpu_optim::cpu::CpuParam;
/// use wgpu_optim::{Adam, step::Group};
///
/// let mut params = vec![CpuParam::new("fc.weight", &[4, 3]), CpuParam::new("fc.bias", &[4])];
/// let biases = Group::matching(Adam::default(), &mut params, ["*.bias", "norm?"]);
/// let matrices = Group::matching(Adam::default(), &mut params, |param: &CpuParam| param.shape.len() == 2);
/// assert_eq!([&*biases.params[0].name, &*matrices.params[0].name], ["fc.bias", "fc.weight"]);
/// ```
pub trait Matches<P> {
    /// Whether this one is meant.
    fn matches(&self, param: &P) -> bool;
}

impl<P: Named> Matches<P> for &str {
    fn matches(&self, param: &P) -> bool {
        wildmatch::WildMatch::new(self).matches(param.name())
    }
}

impl<P: Named, const N: usize> Matches<P> for [&str; N] {
    fn matches(&self, param: &P) -> bool {
        self.iter().any(|pattern| pattern.matches(param))
    }
}

impl<P: Named> Matches<P> for &[&str] {
    fn matches(&self, param: &P) -> bool {
        self.iter().any(|pattern| pattern.matches(param))
    }
}

impl<P, F: Fn(&P) -> bool> Matches<P> for F {
    fn matches(&self, param: &P) -> bool {
        self(param)
    }
}
