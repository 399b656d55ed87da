use super::Range;

/// One hyper-parameter of a rule: its name, range and kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HyperParameter {
    /// The field's name.
    pub name: &'static str,
    /// What is accepted.
    pub range: Range,
    /// Whether it is a `bool`.
    pub flag: bool,
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

/// Declares a rule's hyper-parameters once: the struct with public fields, its `Default`, the ranges, access by name.
///
/// ```
/// use wgpu_optim::{hyper_parameters, rule::{HyperParameters, Range}};
/// hyper_parameters! {
///     /// Plain descent.
///     pub struct Descent {
///         /// Learning rate.
///         pub lr: f64 = 1e-2, Range::NON_NEGATIVE;
///         /// Climb instead of descending.
///         pub maximize: bool = false, Range::UNIT;
///     }
/// }
/// assert_eq!(Descent::default().values(), [1e-2, 0.0]);
/// ```
#[macro_export]
macro_rules! hyper_parameters {
    ($(#[$meta:meta])* pub struct $Name:ident {
        $($(#[$doc:meta])* pub $field:ident: $ty:ty = $default:expr, $range:expr;)+
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $Name {
            $($(#[$doc])* pub $field: $ty,)+
        }

        impl Default for $Name {
            fn default() -> Self {
                Self { $($field: $default,)+ }
            }
        }

        impl $crate::rule::HyperParameters for $Name {
            const PARAMETERS: &'static [$crate::rule::HyperParameter] = &[$($crate::rule::HyperParameter {
                name: stringify!($field),
                range: $range,
                flag: <$ty as $crate::rule::Number>::FLAG,
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
