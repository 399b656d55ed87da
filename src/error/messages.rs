//! What messages say beyond the numbers they are given: what may have been meant, and what there is.

use super::{Difference, Error};

/// What may have been meant by a binding that is too long.
pub(super) fn if_longer(needed: &u64, bound: &u64) -> &'static str {
    if bound > needed { "; if it is a prefix of the buffer, say Binding::prefix(buffer), else give the bytes that are its own" } else { "" }
}

/// Which groups there are.
pub(super) fn groups_there(groups: &usize) -> String {
    match groups {
        0 => "the optimizer has none".to_owned(),
        1 => "the only one is group 0".to_owned(),
        _ => format!("they are numbered from 0 to {}", groups - 1),
    }
}

/// The names that there are of a kind.
pub(super) fn those_there(kind: &str, known: &str) -> String {
    match known {
        "" if kind == "group" => "no group has a name".to_owned(),
        "" => "there are none".to_owned(),
        _ => format!("there are: {known}"),
    }
}

/// What lies in the buffers of the values.
pub(super) fn shown(view: &crate::View) -> String {
    match view {
        crate::View::Trained => "the trained values are shown".to_owned(),
        crate::View::Evaluated => "evaluate's values are shown".to_owned(),
        crate::View::Average(name) => format!("the average \"{name}\" is shown"),
    }
}

/// All that differs, a line each.
pub(super) fn listed(differences: &[Difference]) -> String {
    differences.iter().map(|difference| format!("\n  {difference}")).collect()
}

/// [`Error::UnknownName`] with the names that exist.
pub(crate) fn unknown<'a>(kind: &'static str, name: &str, known: impl IntoIterator<Item = &'a str>) -> Error {
    let mut known: Vec<&str> = known.into_iter().take(13).collect();
    if known.len() > 12 {
        known[12] = "...";
    }
    Error::UnknownName { kind, name: name.to_owned(), known: known.join(", ") }
}
