//! Everything around the rule: unscale, accumulate, clip, skip, average, groups.
//! Plain data and the arithmetic of one step in any number, without wgpu: both executors run these.

#![warn(clippy::missing_errors_doc)]

mod averages;
mod blocks;
mod broadcast;
mod clip;
mod features;
mod group;
mod lanes;
mod loss_scale;
mod lr_scales;
mod options;
mod setup;
mod status;
mod tables;
pub(crate) mod view;

pub use averages::{Average, AverageWords, Ema, Lookahead, Swa};
pub use blocks::{Assignment, Block, Blocks, Form};
pub use broadcast::Broadcast;
pub use clip::{AdaptiveClip, Clip, ClipWords, NormClip, NormOrder, NormScope};
pub use features::Features;
pub use group::{Group, GroupKey, Matches, Named};
pub use lanes::{Lane, LaneRole};
pub use loss_scale::{DynamicScale, LossScale};
pub use options::{MicroBatches, NonFinite, Options};
pub use setup::Setup;
pub use status::{ACCUMULATED, OptionWords, Status, TrainingProgress};
pub use tables::{AssignmentWords, ParamSettings, StepEntry};
pub use view::{ASIDE, View};

pub(crate) use blocks::SCHEDULE_ERROR;
pub(crate) use clip::{Factor, adaptive_factor, norm_factor};
pub(crate) use loss_scale::check_scale;
pub(crate) use lr_scales::check_scale_schedules;
