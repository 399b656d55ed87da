//! Hyper-parameters by name, and the macro that declares them.

use super::Range;

/// One hyper-parameter of a rule: its name, range and kind.
///
/// ```
/// use wgpu_optim::Sgd;
/// use wgpu_optim::rule::{HyperParameters, Range};
///
/// let momentum = Sgd::PARAMETERS.iter().find(|known| known.name == "momentum").unwrap();
/// assert_eq!(momentum.range, Range::NON_NEGATIVE);
/// assert!(momentum.scheduled && !momentum.flag);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HyperParameter {
    /// The field's name.
    pub name: &'static str,
    /// What is accepted.
    pub range: Range,
    /// Whether it is a `bool`.
    pub flag: bool,
    /// Whether a [`Schedule`](crate::Schedule) may set it. Each member of [`Rule::Hyper`](super::Rule::Hyper) has to depend on such a one as `a + b * x`,
    /// or as `ln(x)` as [`ln_beta`](super::ln_beta) has it: then the second part is 0, `x` stays below 0.9999, and `1 - x` is off by up to 1e-6.
    pub scheduled: bool,
}

/// Access to a rule's hyper-parameters by name; [`hyper_parameters!`](crate::hyper_parameters) writes it.
pub trait HyperParameters: Default {
    /// All of them, in the order of the struct.
    const PARAMETERS: &'static [HyperParameter];
    /// The value of each, in the same order.
    fn values(&self) -> Vec<f64>;
    /// Sets one; false if there is none of this name.
    fn set(&mut self, name: &str, value: f64) -> bool;
}

/// What the field of a rule may be: an `f64`, or a `bool` that counts as 0 or 1.
pub trait Number: Copy {
    /// Whether it is a `bool`.
    const FLAG: bool;
    /// As a number.
    fn to_number(self) -> f64;
    /// From a number; anything but 0 is true.
    fn from_number(x: f64) -> Self;
}

impl Number for f64 {
    const FLAG: bool = false;
    fn to_number(self) -> f64 {
        self
    }
    fn from_number(x: f64) -> Self {
        x
    }
}

impl Number for bool {
    const FLAG: bool = true;
    fn to_number(self) -> f64 {
        f64::from(u8::from(self))
    }
    fn from_number(x: f64) -> Self {
        x != 0.0
    }
}

/// Declares a rule's hyper-parameters once: the struct with public fields, its `Default`, the ranges, access by name. Each field needs a doc comment; its
/// default, its range and whether it can be scheduled are added to it, from the same tokens. A range is the path of a constant, or a call of
/// [`Range::open`]. `scheduled` after it lets a [`Schedule`](crate::Schedule) set the field: see [`HyperParameter::scheduled`].
///
/// ```
/// use wgpu_optim::{hyper_parameters, rule::{HyperParameters, Range}};
/// hyper_parameters! {
///     /// Plain descent.
///     pub struct Descent {
///         /// Learning rate.
///         pub lr: f64 = 1e-2, Range::NON_NEGATIVE, scheduled;
///         /// Climb instead of descending.
///         pub maximize: bool = false, Range::UNIT;
///     }
/// }
/// assert_eq!(Descent::default().values(), [1e-2, 0.0]);
/// assert_eq!(Descent::PARAMETERS.iter().map(|known| known.scheduled).collect::<Vec<_>>(), [true, false]);
/// ```
#[macro_export]
macro_rules! hyper_parameters {
    ($(#[$meta:meta])* pub struct $Name:ident {
        $($(#[$doc:meta])+ pub $field:ident: $ty:ident = $default:expr, $($range:ident)::+ $(($($end:tt)*))? $(, $scheduled:ident)?;)+
    }) => {
        $(#[$meta])*
        ///
        /// Made, set and run as [every rule](https://docs.rs/wgpu-optim/latest/wgpu_optim/rules/index.html) is.
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $Name {
            $(
                $(#[$doc])+
                #[doc = ""]
                #[doc = $crate::said_of_hyper_parameter!([$($scheduled)?] $ty $default, $($range)::+ $(($($end)*))?)]
                pub $field: $ty,
            )+
        }

        impl Default for $Name {
            fn default() -> Self {
                Self { $($field: $default,)+ }
            }
        }

        impl $crate::rule::HyperParameters for $Name {
            const PARAMETERS: &'static [$crate::rule::HyperParameter] = &[$($crate::rule::HyperParameter {
                name: stringify!($field),
                range: $($range)::+ $(($($end)*))?,
                flag: <$ty as $crate::rule::Number>::FLAG,
                scheduled: $crate::is_scheduled!($($scheduled)?),
            },)+];

            fn values(&self) -> Vec<f64> {
                vec![$($crate::rule::Number::to_number(self.$field),)+]
            }

            fn set(&mut self, name: &str, value: f64) -> bool {
                match name {
                    $(stringify!($field) => self.$field = $crate::rule::Number::from_number(value),)+
                    _ => return false,
                }
                true
            }
        }
    };
}

/// Whether a hyper-parameter can be scheduled.
#[doc(hidden)]
#[macro_export]
macro_rules! is_scheduled {
    () => {
        false
    };
    (scheduled) => {
        true
    };
}

/// What the documentation of a hyper-parameter says of its default, its range and its schedules.
#[doc(hidden)]
#[macro_export]
macro_rules! said_of_hyper_parameter {
    ([scheduled] $($of:tt)+) => {
        concat!($crate::said_of_hyper_parameter!([] $($of)+), " Can be scheduled.")
    };
    ([] bool $default:expr, $($range:tt)+) => {
        concat!("Default: `", stringify!($default), "`.")
    };
    ([] $ty:ident $default:expr, $($range:tt)+) => {
        concat!("Default: `", stringify!($default), "`, range: `", $crate::range_text!($($range)+), "`.")
    };
}

/// A range as [`Range`] displays it.
#[doc(hidden)]
#[macro_export]
macro_rules! range_text {
    (FINITE) => { "(-inf, inf)" };
    (NON_NEGATIVE) => { "[0, inf)" };
    (NON_POSITIVE) => { "(-inf, 0]" };
    (AT_LEAST_ONE) => { "[1, inf)" };
    (BELOW_ONE) => { "[0, 1)" };
    (UNIT) => { "[0, 1]" };
    (open ($low:literal, f64::INFINITY)) => { concat!("(", stringify!($low), ", inf)") };
    (open ($low:literal, $high:literal)) => { concat!("(", stringify!($low), ", ", stringify!($high), ")") };
    ($outer:ident :: $($inner:tt)+) => { $crate::range_text!($($inner)+) };
    ($($other:tt)+) => { stringify!($($other)+) };
}

#[cfg(test)]
mod tests {
    use crate::rule::Range;

    /// The text of a range, and the same as it displays itself; `0.0` and `0` are one number.
    macro_rules! both {
        ($($range:tt)+) => { (range_text!($($range)+).replace(".0", ""), { $($range)+ }.to_string()) };
    }

    #[test]
    fn ranges_are_said_as_they_are() {
        let said = [
            both!(Range::FINITE),
            both!(Range::NON_NEGATIVE),
            both!(Range::NON_POSITIVE),
            both!(Range::AT_LEAST_ONE),
            both!(Range::BELOW_ONE),
            both!(Range::UNIT),
            both!(Range::open(0.0, 1.0)),
            both!(crate::rule::Range::open(1.0, f64::INFINITY)),
        ];
        said.iter().for_each(|(text, range)| assert_eq!(text, range));
        assert_eq!(said_of_hyper_parameter!([] f64 1e-3, Range::BELOW_ONE), "Default: `1e-3`, range: `[0, 1)`.");
        assert_eq!(said_of_hyper_parameter!([scheduled] f64 0.5, Range::UNIT), "Default: `0.5`, range: `[0, 1]`. Can be scheduled.");
        assert_eq!(said_of_hyper_parameter!([] bool false, Range::UNIT), "Default: `false`.");
    }
}
