//! Views: what the values of an optimizer show. Twin of the decision: `shaders/step/view.wgsl`.

use core::fmt;

use super::{Average, Options};
use crate::error::{Error, Result};

/// What lies in the buffers of the values: [`Optimizer::evaluate`](crate::Optimizer::evaluate), [`Optimizer::train`](crate::Optimizer::train) and
/// [`Optimizer::swap`](crate::Optimizer::swap) change it.
///
/// | shown | `evaluate` | `train` | `swap(a)` | `swap(b)` |
/// | --- | --- | --- | --- | --- |
/// | trained | evaluated | nothing | `a` | `b` |
/// | evaluated | nothing | trained | refused | refused |
/// | `a` | refused | trained | trained | refused |
///
/// What is refused changes nothing, and the next read-back is [`Error::InView`]; so it is with steps, micro-batches and writes while the values
/// shown are not the trained ones. The way back is exact, to the bit.
///
/// ```
/// use wgpu_optim::cpu::CpuOptimizer;
/// use wgpu_optim::step::Group;
/// use wgpu_optim::{Ema, Options, Sgd, View};
///
/// let options = Options { ema: Some(Ema { decay: 0.5, ..Default::default() }), ..Default::default() };
/// let mut optimizer = CpuOptimizer::<f32>::with_options([Group::new(Sgd { lr: 1.0, ..Default::default() }, [("w", 1).into()])], options)?;
/// let mut w = [0.0];
/// for _ in 0..2 {
///     optimizer.step(&mut [&mut w], &[Some(&[-2.0])])?; // 2, then 4
/// }
/// optimizer.evaluate(&mut [&mut w])?;
/// assert_eq!((w, optimizer.view()), ([3.0], View::Evaluated));
/// optimizer.train(&mut [&mut w])?;
/// assert_eq!((w, optimizer.view()), ([4.0], View::Trained));
/// # Ok::<(), wgpu_optim::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum View {
    /// The values that steps update.
    #[default]
    Trained,
    /// The values to evaluate the model with: a rule's own ([`Rule::VIEWS`](crate::rule::Rule::VIEWS)), else the `ema`, else the `swa`. Parameters that have
    /// none of these yet show their trained values.
    Evaluated,
    /// This average.
    Average(&'static str),
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            View::Trained => f.write_str("trained"),
            View::Evaluated => f.write_str("evaluated"),
            View::Average(name) => write!(f, "\"{name}\""),
        }
    }
}

/// The state in which the trained values are while a rule's evaluated ones are shown; without meaning at other times.
pub const ASIDE: &str = "trained";

/// The name of the master values.
pub const MASTER: &str = "master";

/// The number of [`View::Trained`]; the kernels' constants have the same names.
pub(crate) const TRAINED: u32 = 0;
/// That of [`View::Evaluated`].
pub(crate) const EVALUATED: u32 = 1;
/// That of the first average; the others follow.
pub(crate) const SWAPPED: u32 = 2;

/// What may come while other values than the trained ones are shown, as kernels count it.
pub(crate) const STEP: u32 = 0;
/// A micro-batch.
pub(crate) const ACCUMULATE: u32 = 1;
/// `write_value` or `write_state`.
pub(crate) const WRITE: u32 = 2;
/// A change to this view, by its number.
pub(crate) const CHANGE: u32 = 3;

/// Added to what a step record says of itself, in the place of a view: what came was out of order.
pub(crate) const OUT_OF_ORDER: u32 = u32::MAX - 2;

/// What is shown after `wanted` was asked for; `None` if it is refused.
pub(crate) fn after(view: u32, wanted: u32) -> Option<u32> {
    match (view, wanted) {
        (TRAINED, _) | (_, TRAINED) => Some(wanted),
        (EVALUATED, EVALUATED) => Some(EVALUATED),
        _ => (view == wanted).then_some(TRAINED),
    }
}

/// The view of this number.
pub(crate) fn numbered(options: &Options, number: u32) -> View {
    match number {
        TRAINED => View::Trained,
        EVALUATED => View::Evaluated,
        _ => View::Average(options.averages().get((number - SWAPPED) as usize).map_or("", Average::state)),
    }
}

/// The average that [`View::Evaluated`] shows where a rule has no values of its own for it.
pub(crate) fn evaluated_average(averages: &[Average]) -> Option<usize> {
    averages.iter().position(|average| !matches!(average, Average::Lookahead(_)))
}

/// The number of the view that shows an average.
pub(crate) fn swapped(options: &Options, average: &str) -> Result<u32> {
    let averages = options.averages();
    if averages.is_empty() {
        return Err(Error::NotEnabled { what: "swap", needs: "Options::ema, swa or lookahead" });
    }
    let index = averages.iter().position(|known| known.state() == average);
    let index = index.ok_or_else(|| crate::error::unknown("average", average, averages.iter().map(Average::state)))?;
    Ok(SWAPPED + index as u32)
}

/// The error for what came in a view that it does not fit.
pub(crate) fn misplaced(options: &Options, what: u32, view: u32) -> Error {
    misplaced_times(options, what, view, 1)
}

/// The error for the first of so many calls that do not fit.
pub(crate) fn misplaced_times(options: &Options, what: u32, view: u32, count: u32) -> Error {
    if view > OUT_OF_ORDER {
        return out_of_order(options, what, view - OUT_OF_ORDER, count);
    }
    let is_write = what == WRITE;
    let (mut what, mut instead) = match is_write {
        true => {
            ("values or an average were written".to_owned(), "they replaced what is shown or kept aside; submit train, and write again")
        }
        false => (format!("{} was recorded", called(options, what)), "it changed nothing; record train before it"),
    };
    if count > 1 {
        what = format!("{what}, the first of {count} such calls,");
        if !is_write {
            instead = "steps and micro-batches among them changed nothing; record train before them";
        }
    }
    Error::InView { what, view: numbered(options, view), instead }
}

/// The error for the first of so many calls that came before or after a change to the optimizer, as the step record says.
fn out_of_order(options: &Options, what: u32, record: u32, count: u32) -> Error {
    let what = called(options, what);
    order_error(if count > 1 { format!("{what}, the first of {count} such calls,") } else { what }, record)
}

/// Fails for a step record that says of itself that it is not the one to be read.
pub(crate) fn check_order(record: u32, what: &str) -> Result<()> {
    let order = "was asked for before the encoder of add_group, remove, change_rows or another change to the optimizer was submitted; submit that first";
    if record == 0 { Ok(()) } else { Err(Error::OutOfOrder { what: what.to_owned(), order }) }
}

fn order_error(what: String, record: u32) -> Error {
    let order = match record {
        crate::wgsl::AWAITED => {
            "was submitted before the encoder of add_group, remove, change_rows or another change to the optimizer; it changed nothing: submit that \
             encoder first, or, if it is lost, take a new optimizer"
        }
        _ => {
            "was recorded before add_group, remove, change_rows or another change to the optimizer, and submitted after; it changed nothing: submit it \
             before that, or record it anew"
        }
    };
    Error::OutOfOrder { what, order }
}

/// What was recorded.
fn called(options: &Options, what: u32) -> String {
    match what {
        STEP => "a step".to_owned(),
        ACCUMULATE => "accumulate".to_owned(),
        _ => match numbered(options, what - CHANGE) {
            View::Trained => "train".to_owned(),
            View::Evaluated => "evaluate".to_owned(),
            // Its number may be another one's since.
            View::Average(_) => "swap".to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{EVALUATED, SWAPPED, TRAINED, after};

    #[test]
    fn the_table() {
        let (a, b) = (SWAPPED, SWAPPED + 1);
        let table = [
            (TRAINED, [Some(EVALUATED), Some(TRAINED), Some(a), Some(b)]),
            (EVALUATED, [Some(EVALUATED), Some(TRAINED), None, None]),
            (a, [None, Some(TRAINED), Some(TRAINED), None]),
        ];
        for (view, expected) in table {
            assert_eq!([EVALUATED, TRAINED, a, b].map(|wanted| after(view, wanted)), expected, "{view}");
        }
    }
}
