//! A page that trains in its visitor's browser, on WebGPU: the network and the data of `examples/train`, the functions of `examples/landscape`, and this
//! crate's optimizers, from the same Rust and the same WGSL. What the page calls is in `web`; the rest runs natively too, for the test that
//! compares both.

mod chosen;
#[path = "../../landscape/contenders.rs"]
mod contenders;
#[path = "../../landscape/contours.rs"]
#[allow(dead_code, reason = "the page draws lines without their levels' values")]
mod contours;
mod data;
#[path = "../../landscape/field/mod.rs"]
mod field;
#[path = "../../landscape/functions.rs"]
mod functions;
#[path = "../../train/model/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the page does not wait for what it reads")]
mod model;
#[path = "../../train/optimizers.rs"]
#[allow(dead_code, reason = "the native example lists settings")]
mod optimizers;
#[path = "../../landscape/race.rs"]
mod race;
#[path = "../../train/random.rs"]
mod random;
#[path = "../../landscape/score.rs"]
#[allow(dead_code, reason = "the native example has a table of what diverged")]
mod score;
mod training;

pub mod pad;
pub mod session;
pub mod trails;
#[cfg(target_arch = "wasm32")]
mod web;

pub use data::Images;
pub use optimizers::names;

/// What went wrong, for people.
pub type Failure = Box<dyn std::error::Error>;

/// The digits, compiled into the program: not for the page, which is as large as what it calls.
///
/// # Errors
///
/// The file is not what it should be.
pub fn digits() -> Result<Images, Failure> {
    Ok(data::digits()?)
}

/// The digits of the text of `data/digits.csv.gz`, which lies beside the page.
///
/// # Errors
///
/// The text is not what it should be.
pub fn digits_of(text: &str) -> Result<Images, Failure> {
    Ok(data::of_text(text)?)
}
