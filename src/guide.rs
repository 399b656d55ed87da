//! The guide: a page for each thing that an optimizer does around its rules, with programs that are tested. The same pages are in `docs/guide`.

#[doc = include_str!("../docs/guide/programs.md")]
pub mod programs {}

#[doc = include_str!("../docs/guide/step.md")]
pub mod step {}

#[doc = include_str!("../docs/guide/storage.md")]
pub mod storage {}

#[doc = include_str!("../docs/guide/rows.md")]
pub mod rows {}

#[doc = include_str!("../docs/guide/checkpoints.md")]
pub mod checkpoints {}

#[doc = include_str!("../docs/guide/batches.md")]
pub mod batches {}

#[doc = include_str!("../docs/guide/browser.md")]
pub mod browser {}

#[doc = include_str!("../docs/guide/proof.md")]
pub mod proof {}

#[doc = include_str!("../docs/guide/limits.md")]
pub mod limits {}
