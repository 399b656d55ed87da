//! `Difference`: one thing that a checkpoint has otherwise than an optimizer.

use core::fmt;

/// One thing that a checkpoint has otherwise than an optimizer. It displays as one line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// Of what: a parameter, a tensor (`fc1.weight/exp_avg`), a group, or `options`.
    pub of: String,
    /// What it is: `"shape"`, `"rule"`, `"lr"`, ...; empty where one of both does not have it at all.
    pub what: String,
    /// In the checkpoint; `None` if it is not there.
    pub checkpoint: Option<String>,
    /// In the optimizer.
    pub optimizer: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { of, what, checkpoint, optimizer } = self;
        let name = if what.is_empty() { of.clone() } else { format!("{of}: {what}") };
        match (checkpoint, optimizer) {
            (Some(_), None) if what.is_empty() => write!(f, "{name} is only in the checkpoint"),
            (None, _) if what.is_empty() => write!(f, "{name} is not in the checkpoint"),
            (checkpoint, optimizer) => {
                let text = |side: &Option<String>| side.clone().unwrap_or_else(|| "nothing".into());
                write!(f, "{name} is {} in the checkpoint, {} in the optimizer", text(checkpoint), text(optimizer))
            }
        }
    }
}

impl Difference {
    pub(crate) fn missing(of: impl Into<String>) -> Self {
        Difference { of: of.into(), what: String::new(), checkpoint: None, optimizer: Some(String::new()) }
    }

    pub(crate) fn unexpected(of: impl Into<String>) -> Self {
        Difference { of: of.into(), what: String::new(), checkpoint: Some(String::new()), optimizer: None }
    }

    pub(crate) fn of(of: &str, what: &str, checkpoint: Option<String>, optimizer: Option<String>) -> Self {
        Difference { of: of.to_owned(), what: what.to_owned(), checkpoint, optimizer }
    }
}
