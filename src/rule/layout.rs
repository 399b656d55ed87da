use core::marker::PhantomData;

use super::Real;

/// One member of a layout: its name and WGSL type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The member's name, the same in Rust and WGSL.
    pub name: &'static str,
    /// `"f32"` or `"u32"`.
    pub wgsl: &'static str,
}

/// A struct of 4-byte scalars that both sides know; [`layout!`](crate::layout) writes it.
pub trait Layout: Copy + Send + Sync {
    /// The members in order.
    const FIELDS: &'static [Field];
    /// One 32-bit word per member, in order.
    fn words(&self) -> Vec<u32>;
    /// Each member as f64, in order.
    fn values(&self) -> Vec<f64>;
}

/// The scalars of a rule whose formula does not depend on the step count.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct NoScalars<F>(PhantomData<F>);

impl<F: Real> Layout for NoScalars<F> {
    const FIELDS: &'static [Field] = &[];
    fn words(&self) -> Vec<u32> {
        Vec::new()
    }
    fn values(&self) -> Vec<f64> {
        Vec::new()
    }
}

/// One state tensor: our name for it and torch's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateField {
    /// The name in formulas, WGSL, the twin, and [`crate::Optimizer::state`].
    pub name: &'static str,
    /// The key in torch's `state_dict`.
    pub torch: &'static str,
}

/// One element of each state tensor of a rule; [`state!`](crate::state) writes it.
pub trait StateLayout<F: Real>: Copy {
    /// The tensors in order.
    const FIELDS: &'static [StateField];

    /// Runs `update(gradient, value, state)` over all elements, each slice a plain parameter of one loop so that the compiler
    /// knows that none overlaps another and vectorizes it. `lanes` holds one slice per tensor, in order.
    fn sweep(lanes: &mut [&mut [F]], gradients: &[F], values: &mut [F], update: impl Fn(F, &mut F, &mut Self));
}

/// Declares a struct of 4-byte scalars once, for the twin (generic over the float) and for WGSL.
///
/// ```
/// use wgpu_optim::{layout, rule::Layout};
/// layout! {
///     /// What the kernel reads.
///     pub struct Hyper<F> { lr: F, nesterov: u32 }
/// }
/// assert_eq!(Hyper { lr: 0.5_f64, nesterov: 1 }.words(), [0x3f00_0000, 1]);
/// ```
#[macro_export]
macro_rules! layout {
    ($(#[$meta:meta])* pub struct $Name:ident<$F:ident> { $($(#[$doc:meta])* $field:ident: $ty:ty),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $Name<$F> {
            $($(#[$doc])* #[allow(missing_docs, reason = "the field is the symbol of the formula")] pub $field: $ty,)+
        }

        impl<$F: $crate::rule::Real> $crate::rule::Layout for $Name<$F> {
            const FIELDS: &'static [$crate::rule::Field] = &[$($crate::rule::Field {
                name: stringify!($field),
                wgsl: <$ty as $crate::rule::Word>::WGSL,
            },)+];

            fn words(&self) -> Vec<u32> {
                vec![$($crate::rule::Word::to_word(self.$field),)+]
            }

            fn values(&self) -> Vec<f64> {
                vec![$($crate::rule::Word::to_value(self.$field),)+]
            }
        }
    };
}

/// Declares a rule's state tensors once: name, torch's name, and the loop of the twin over them.
///
/// ```
/// use wgpu_optim::{rule::StateLayout, state};
/// state! {
///     /// Two moments.
///     pub struct State<F> { m = "exp_avg", v = "exp_avg_sq" }
/// }
/// assert_eq!(<State<f32> as StateLayout<f32>>::FIELDS[1].torch, "exp_avg_sq");
/// ```
#[macro_export]
macro_rules! state {
    ($(#[$meta:meta])* pub struct $Name:ident<$F:ident> { $($(#[$doc:meta])* $field:ident = $torch:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $Name<$F> {
            $($(#[$doc])* #[allow(missing_docs, reason = "the field is the symbol of the formula")] pub $field: $F,)+
        }

        impl<$F: $crate::rule::Real> $crate::rule::StateLayout<$F> for $Name<$F> {
            const FIELDS: &'static [$crate::rule::StateField] = &[$($crate::rule::StateField {
                name: stringify!($field),
                torch: $torch,
            },)+];

            fn sweep(
                lanes: &mut [&mut [$F]],
                gradients: &[$F],
                values: &mut [$F],
                update: impl Fn($F, &mut $F, &mut Self),
            ) {
                #[inline(never)]
                fn run<$F: $crate::rule::Real>(
                    gradients: &[$F],
                    values: &mut [$F],
                    $($field: &mut [$F],)+
                    update: impl Fn($F, &mut $F, &mut $Name<$F>),
                ) {
                    let n = values.len();
                    let gradients = &gradients[..n];
                    $(let $field = &mut $field[..n];)+
                    for i in 0..n {
                        let mut state = $Name { $($field: $field[i],)+ };
                        update(gradients[i], &mut values[i], &mut state);
                        $($field[i] = state.$field;)+
                    }
                }
                if let [$($field,)+] = lanes {
                    run(gradients, values, $($field,)+ update);
                }
            }
        }
    };
}
