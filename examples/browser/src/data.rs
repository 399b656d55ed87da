//! The digits of the native example, without its files of MNIST: compiled into the native program, which the page is not, since it is given their text.

#[path = "../../train/data/digits.rs"]
mod digits;
#[path = "../../train/data/images.rs"]
#[allow(dead_code, reason = "the digits have all labels")]
mod images;

pub use digits::{images as digits, of_text};
pub use images::{Images, Split};
