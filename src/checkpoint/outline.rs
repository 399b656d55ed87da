//! What an optimizer keeps, without the numbers: names, shapes, keys and settings. A checkpoint has the outline of the optimizer that it is of, and goes into
//! one whose outline fits.

use std::collections::{BTreeMap, HashMap};

use crate::rule::{AnyRule, Extent, Extents};
use crate::schedule::Schedule;
use crate::step::{Config, Group, Keeps, Lane, LaneRole};
use crate::storage::Format;

/// Settings by name, as text that is equal where they are.
pub(super) type Settings = BTreeMap<String, String>;

/// What an optimizer keeps, without the numbers.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "safetensors", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Outline {
    pub(super) options: Settings,
    pub(super) groups: Vec<Settings>,
    pub(super) params: Vec<ParamOutline>,
}

/// What it keeps of a parameter.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "safetensors", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct ParamOutline {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) group: usize,
    /// What its values are stored as, as in [`LaneOutline::dtype`].
    #[cfg_attr(feature = "safetensors", serde(default, skip_serializing_if = "String::is_empty"))]
    pub(super) dtype: String,
    /// The number of the rule's scalars.
    pub(super) scalars: usize,
    pub(super) lanes: Vec<LaneOutline>,
    pub(super) settings: Settings,
}

/// A tensor that it keeps of a parameter.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "safetensors", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct LaneOutline {
    pub(super) key: String,
    pub(super) shape: Vec<usize>,
    /// What it is stored as, by the name that [`Format`] has for it; empty for f32.
    #[cfg_attr(feature = "safetensors", serde(default, skip_serializing_if = "String::is_empty"))]
    pub(super) dtype: String,
}

/// What an outline needs to know of a parameter.
pub(crate) struct Described<'a> {
    pub(crate) name: &'a str,
    pub(crate) shape: &'a [usize],
    pub(crate) group: usize,
    pub(crate) lr_scale: f64,
    /// How many multipliers it has, and which of them follow a schedule.
    pub(crate) lr_scales: Option<u64>,
    pub(crate) lr_scale_schedules: &'a [(usize, Schedule)],
    /// What decides which lanes it has.
    pub(crate) keeps: Keeps,
    pub(crate) is_active: bool,
    /// What its values are stored as.
    pub(crate) values: Format,
}

impl Outline {
    /// Of an optimizer with these parameters.
    pub(crate) fn of<'a>(config: &Config, params: impl Iterator<Item = Described<'a>>) -> Self {
        let param = |described: Described| {
            let Described { name, shape, group, lr_scale, lr_scales, lr_scale_schedules, keeps, is_active, values } = described;
            let rule = &*config.groups[group].rule;
            // An optimizer has made sure that there is one.
            let counted = rule.counts_as(shape).unwrap_or_else(|_| shape.to_vec());
            let lane = |lane: Lane| LaneOutline {
                key: lane.key(rule).into_owned(),
                shape: shape_of(shape, &counted, &lane, rule),
                dtype: lane.format.name().to_owned(),
            };
            let lanes = kept(config, group, Keeps { matrix: counted.len() >= 2, ..keeps }).into_iter().map(lane).collect();
            let own = [("lr_scale", format!("{lr_scale:?}")), ("active", format!("{is_active}"))];
            let scales = lr_scales.map(|count| ("lr_scales", format!("{count} numbers")));
            let schedules = (!lr_scale_schedules.is_empty()).then(|| ("lr_scale_schedules", format!("{lr_scale_schedules:?}")));
            let settings = own.into_iter().chain(scales).chain(schedules);
            ParamOutline {
                name: name.to_owned(),
                shape: shape.to_vec(),
                group,
                dtype: values.name().to_owned(),
                scalars: rule.scalar_fields().len(),
                lanes,
                settings: by_name(settings.collect()),
            }
        };
        let groups = (0..config.groups.len()).map(|group| group_settings(config, group)).collect();
        Outline { options: option_settings(config), groups, params: params.map(param).collect() }
    }

    /// The parameters' numbers by name.
    pub(super) fn index(&self) -> HashMap<&str, usize> {
        self.params.iter().enumerate().map(|(index, param)| (&*param.name, index)).collect()
    }
}

impl ParamOutline {
    /// The name of one of its tensors.
    pub(super) fn tensor_name(&self, lane: &LaneOutline) -> String {
        format!("{}/{}", self.name, lane.key)
    }
}

/// Whether a checkpoint has a lane: not sums, which are of one step, nor what is put aside while other values are shown.
pub(crate) fn is_kept(lane: &Lane) -> bool {
    !matches!(lane.role, LaneRole::Sum | LaneRole::Aside)
}

/// The lanes that a checkpoint has of a parameter.
pub(crate) fn kept(config: &Config, group: usize, keeps: Keeps) -> Vec<Lane> {
    let lanes = config.step_kind().lanes(&*config.groups[group].rule, keeps);
    lanes.into_iter().filter(is_kept).collect()
}

/// The shape of a lane of a parameter: of step counts, that of its rows; of squares, all of them in one; of rows, columns and axes, as the rule counts them.
fn shape_of(shape: &[usize], counted: &[usize], lane: &Lane, rule: &dyn AnyRule) -> Vec<usize> {
    match lane.role {
        _ if lane.extent == Extent::Squares => {
            let has_square = |size: u64| rule.has_square(counted.len(), size as usize);
            vec![Extents::of(counted).with_squares(has_square).count(Extent::Squares) as usize]
        }
        LaneRole::Scale => vec![Extents::of(shape).count(Extent::Blocks) as usize],
        LaneRole::RowSteps => vec![shape.first().copied().unwrap_or(1)],
        _ if lane.extent != Extent::Elements => lane_shape(counted, lane.extent),
        _ => lane_shape(shape, lane.extent),
    }
}

/// The shape of a lane, with 1 in the place of a dimension that has one number; the numbers of all axes are in one. Of an empty tensor nothing has a number.
pub(super) fn lane_shape(shape: &[usize], extent: Extent) -> Vec<usize> {
    if extent == Extent::Axes {
        return vec![Extents::of(shape).count(extent) as usize];
    }
    let (mut shape, is_empty) = (shape.to_vec(), shape.contains(&0));
    match (extent, &mut *shape) {
        _ if is_empty => {}
        (Extent::Rows, [.., last]) => *last = 1,
        (Extent::Columns, [.., height, _]) => *height = 1,
        _ => {}
    }
    shape
}

/// Whether these are the numbers of the squares of some axes of a tensor of this shape.
pub(super) fn are_squares(own: &[usize], shape: &[usize]) -> bool {
    let mut sums = vec![0_usize];
    for size in shape.iter().filter(|size| **size > 0).take(16) {
        let with: Vec<usize> = sums.iter().map(|sum| sum.saturating_add(size.saturating_mul(*size))).collect();
        sums.extend(with);
        sums.sort_unstable();
        sums.dedup();
    }
    matches!(own, [count] if sums.contains(count))
}

fn by_name(settings: Vec<(&str, String)>) -> Settings {
    settings.into_iter().map(|(name, text)| (name.to_owned(), text)).collect()
}

fn group_settings(config: &Config, number: usize) -> Settings {
    let Group { rule, schedules, .. } = &config.groups[number];
    let has_schedule = |name: &str| schedules.iter().any(|(scheduled, _)| scheduled == name);
    let own = rule.parameters().iter().zip(rule.values()).filter(|(parameter, _)| !has_schedule(parameter.name));
    let own = own.map(|(parameter, value)| (parameter.name.to_owned(), format!("{value:?}")));
    let scheduled = schedules.iter().map(|(name, schedule): &(String, Schedule)| (format!("schedule of {name}"), format!("{schedule:?}")));
    let rest = [("rule", rule.name().to_owned()), ("clip", format!("{:?}", config.clip(number)))];
    let mut settings = Settings::new();
    settings.extend(own.chain(scheduled));
    settings.extend(by_name(rest.into()));
    settings
}

/// What the schedules of a group give the step after this one. It is no setting: optimizers that follow one schedule are alike in all its steps.
pub(super) fn scheduled(group: &Group<()>, step: u32) -> Settings {
    group.schedules.iter().map(|(name, schedule)| (name.clone(), format!("{:?}", schedule.value(step)))).collect()
}

/// Those that decide what a step makes of the values; the clip is each group's.
fn option_settings(config: &Config) -> Settings {
    let options = &config.options;
    let all = [
        ("loss_scale", format!("{:?}", options.loss_scale)),
        ("non_finite", format!("{:?}", options.non_finite)),
        ("micro_batches", format!("{:?}", options.micro_batches)),
        ("lookahead", format!("{:?}", options.lookahead)),
        ("ema", format!("{:?}", options.ema)),
        ("swa", format!("{:?}", options.swa)),
    ];
    by_name(all.into())
}
