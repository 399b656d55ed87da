//! The pictures, as PNG files.

mod axis;
mod confusion;
mod curves;
mod panel;
mod sheet;
mod weights;

pub use confusion::confusion;
pub use curves::{accuracy, loss};
pub use weights::weights;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;
