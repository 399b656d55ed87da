//! Everything around the rule: unscale, accumulate, clip, skip, average, groups.
//! Plain data and the arithmetic of one step in any number, without wgpu: both executors run these.

mod averages;
mod blocks;
mod broadcast;
mod clip;
mod config;
mod group;
mod keys;
mod lanes;
mod loss_scale;
mod lr_scales;
mod number_storage;
mod options;
mod row_mask;
mod rows;
mod state_storage;
mod status;
mod step_kind;
mod tables;
pub(crate) mod view;

pub use averages::{Ema, Lookahead, Swa};
pub use clip::{AdaptiveClip, Clip, NormClip, NormOrder, NormScope};
pub use group::{Group, GroupKey, Matches, Named};
pub use loss_scale::{DynamicScale, LossScale};
pub use options::{MicroBatches, NonFinite, Options};
pub use state_storage::StateStorage;
pub use status::TrainingProgress;
pub use view::View;

// What executors and their proofs need.
#[doc(hidden)]
pub use averages::{Average, AverageWords};
#[doc(hidden)]
pub use blocks::{Assignment, Block, Blocks, Form};
#[doc(hidden)]
pub use broadcast::Broadcast;
#[doc(hidden)]
pub use clip::ClipWords;
#[doc(hidden)]
pub use config::Config;
#[doc(hidden)]
pub use lanes::{Keeps, Lane, LaneRole, Showing};
#[doc(hidden)]
pub use status::{ACCUMULATED, OptionWords, Status};
#[doc(hidden)]
pub use step_kind::StepKind;
#[doc(hidden)]
pub use tables::{AssignmentWords, ParamSettings, StepEntry};
#[doc(hidden)]
pub use view::{ASIDE, MASTER};

pub(crate) use blocks::SCHEDULE_ERROR;
pub(crate) use clip::{Factor, adaptive_factor, norm_factor};
pub(crate) use keys::{ENTRIES, ENTRY_ROWS, HYPER, PENDING, SCALARS, SCALE, STEPS, VALUE};
pub(crate) use loss_scale::check_scale;
pub(crate) use lr_scales::check_scale_schedules;
pub(crate) use number_storage::NumberStorage;
#[cfg(feature = "testing")]
pub(crate) use row_mask::takes_some_rows;
pub(crate) use row_mask::{MaskedRows, ROW_STEPS, check_micro_batches, check_one};
pub(crate) use rows::{Stored, check_resized, check_rows, check_scaled, check_words, go_with_rows};
pub(crate) use state_storage::Storable;
