//! An optimizer as the page names it: with numbers where the native example has the text of `--set`.

use crate::Failure;
use crate::optimizers::{self, Choice};

/// The learning rate that suits the digits, of an optimizer that has one.
///
/// # Errors
///
/// An unknown optimizer.
pub fn preset_lr(optimizer: &str) -> Result<Option<f64>, Failure> {
    Ok(lr_of(&optimizers::choose(&[optimizer], &[])?.remove(0)))
}

/// The optimizer of this name, with these hyper-parameters.
pub fn chosen<'a>(name: &str, settings: impl IntoIterator<Item = Result<(&'a str, f64), Failure>>) -> Result<Choice, Failure> {
    let mut choice = optimizers::choose(&[name], &[])?.remove(0);
    for setting in settings {
        let (name, value) = setting?;
        choice.set(name, value)?;
    }
    choice.rule.validate()?;
    Ok(choice)
}

/// The number that a text is. Rust's own way to read one has 14 KB of tables and code, gzipped, and a browser reads them too.
#[cfg(target_arch = "wasm32")]
pub fn number(text: &str) -> Option<f64> {
    let number = wasm_bindgen::JsValue::from_str(text).unchecked_into_f64();
    // To JavaScript, no text is 0.
    (!text.trim().is_empty() && !number.is_nan()).then_some(number)
}

/// The number that a text is.
#[cfg(not(target_arch = "wasm32"))]
pub fn number(text: &str) -> Option<f64> {
    text.parse().ok()
}

/// Its learning rate, if it has one.
pub fn lr_of(choice: &Choice) -> Option<f64> {
    let mut all = choice.rule.parameters().iter().zip(choice.rule.values());
    all.find(|(parameter, _)| parameter.name == "lr").map(|(_, value)| value)
}
