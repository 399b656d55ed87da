//! Layouts that Rust and WGSL share, each stated once: hyper-parameters, per-step scalars and state.

use core::marker::PhantomData;
use core::ops::Range;

use super::{Beta, Extent, Real, Word};

/// One member of a layout: its name and WGSL type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The member's name, the same in Rust and WGSL.
    pub name: &'static str,
    /// `"f32"`, `"u32"`, or `"Beta"` for a [`Beta`](super::Beta).
    pub wgsl: &'static str,
}

impl Field {
    /// The names of its words, in order: of a `beta1: Beta`, `beta1.beta` and three more.
    pub fn words(&self) -> Vec<String> {
        match self.wgsl {
            Beta::<f32>::WGSL => Beta::<f32>::FIELDS.iter().map(|word| format!("{}.{}", self.name, word.name)).collect(),
            _ => vec![self.name.to_owned()],
        }
    }
}

/// What a [`layout!`](crate::layout) may have as a member: one word ([`Word`]), or a [`Beta`](super::Beta).
pub trait Member: Copy {
    /// Its type in WGSL.
    const WGSL: &'static str;
    /// How many words it has.
    const WORDS: usize;
    /// Its words in order.
    fn words(self) -> Vec<u32>;
    /// Its words as numbers, in order.
    fn numbers(self) -> Vec<f64>;
    /// Replaces one of its words that is a number by one that is off by `error` at most.
    fn assign(&mut self, word: usize, number: f64, error: f64);
}

impl<W: Word> Member for W {
    const WGSL: &'static str = W::WGSL;
    const WORDS: usize = 1;
    fn words(self) -> Vec<u32> {
        vec![self.to_word()]
    }
    fn numbers(self) -> Vec<f64> {
        vec![self.to_value()]
    }
    fn assign(&mut self, _word: usize, number: f64, error: f64) {
        Word::assign(self, number, error);
    }
}

/// A struct of 32-bit words that both sides know; [`layout!`](crate::layout) writes it.
pub trait Layout: Copy + Send + Sync {
    /// The members in order.
    const FIELDS: &'static [Field];
    /// The 32-bit words of all members, in order.
    fn words(&self) -> Vec<u32>;
    /// The words as numbers, in order.
    fn numbers(&self) -> Vec<f64>;
    /// Replaces a word that is a number by one that is off by `error` at most.
    fn assign(&mut self, word: usize, number: f64, error: f64);
}

/// The per-step scalars of a rule, which the next step's are formed from; [`scalars!`](crate::scalars) writes it.
pub trait ScalarLayout<F: Real>: Copy + Send + Sync {
    /// The members' names in order.
    const FIELDS: &'static [&'static str];
    /// From one number per member, in order; those that are missing are zero.
    fn from_slice(numbers: &[F]) -> Self;
    /// One number per member, in order.
    fn to_vec(&self) -> Vec<F>;
}

/// The scalars of a rule whose formula does not depend on the step count.
///
/// [`Rule`](super::Rule) has an example.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct NoScalars<F>(PhantomData<F>);

impl<F: Real> ScalarLayout<F> for NoScalars<F> {
    const FIELDS: &'static [&'static str] = &[];
    fn from_slice(_numbers: &[F]) -> Self {
        NoScalars(PhantomData)
    }
    fn to_vec(&self) -> Vec<F> {
        Vec::new()
    }
}

/// One state tensor: our name for it, torch's, and what has a number in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateField {
    /// The name in formulas, WGSL, the twin, and [`Optimizer::state`](crate::Optimizer::state).
    pub name: &'static str,
    /// The key in torch's `state_dict`.
    pub torch: &'static str,
    /// Whether each element has a number, each row, or each column.
    pub extent: Extent,
}

/// What a stage of a rule adds up, for later stages of the step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SumField {
    /// The name in formulas, WGSL and the twin.
    pub name: &'static str,
    /// Over what: each row, each column, ..., all.
    pub extent: Extent,
    /// What later stages read.
    pub form: SumForm,
}

/// What becomes of numbers that were added up. A sum beyond f32's largest number is that, also where a mean is formed of it.
///
/// [`state!`](crate::state) has an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SumForm {
    /// Their sum.
    Sum,
    /// Their mean: the sum over how many were added.
    Mean,
}

/// What one element has of each state tensor and each sum of a rule; [`state!`](crate::state) writes it.
pub trait StateLayout<F: Real>: Copy {
    /// The state tensors in order.
    const FIELDS: &'static [StateField];
    /// The sums, which are the members that follow.
    const SUMS: &'static [SumField];

    /// From one number per member, in order; those that are missing are zero.
    fn from_slice(numbers: &[F]) -> Self;

    /// Runs `pass(gradient, value, state)` over all elements, each slice a plain parameter of one loop so that the compiler
    /// knows that none overlaps another and vectorizes it. `lanes` holds one slice per member, in order, `None` reading as zero; without
    /// gradients, `pass` is given zeros.
    fn sweep(lanes: &mut [Option<&mut [F]>], gradients: Option<&[F]>, values: &mut [F], pass: impl Fn(F, &mut F, &mut Self));
}

/// Elements that [`StateLayout::sweep`] goes through before it forgets what became of states that are not in use.
#[doc(hidden)]
pub const BLOCK: usize = 256;

/// This part of a state's elements, or zeros.
#[doc(hidden)]
#[inline(always)]
pub fn block<'a, F: Real>(lane: &'a mut Option<&mut [F]>, part: Range<usize>, unused: &'a mut [F; BLOCK]) -> &'a mut [F] {
    match lane {
        Some(lane) => &mut lane[part],
        None => {
            unused.fill(F::zero());
            &mut unused[..part.len()]
        }
    }
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
                wgsl: <$ty as $crate::rule::Member>::WGSL,
            },)+];

            fn words(&self) -> Vec<u32> {
                [$($crate::rule::Member::words(self.$field),)+].concat()
            }

            fn numbers(&self) -> Vec<f64> {
                [$($crate::rule::Member::numbers(self.$field),)+].concat()
            }

            fn assign(&mut self, word: usize, number: f64, error: f64) {
                let mut first = 0;
                $(
                    let next = first + <$ty as $crate::rule::Member>::WORDS;
                    if (first..next).contains(&word) {
                        $crate::rule::Member::assign(&mut self.$field, word - first, number, error);
                    }
                    first = next;
                )+
                let _ = first;
            }
        }
    };
}

/// Declares a rule's per-step scalars once, for the twin (generic over the number) and for WGSL.
///
/// ```
/// use wgpu_optim::{rule::ScalarLayout, scalars};
/// scalars! {
///     /// Per step.
///     pub struct Scalars<F> { step_size, decay }
/// }
/// assert_eq!(<Scalars<f32> as ScalarLayout<f32>>::from_slice(&[0.5]).to_vec(), [0.5, 0.0]);
/// ```
#[macro_export]
macro_rules! scalars {
    ($(#[$meta:meta])* pub struct $Name:ident<$F:ident> { $($(#[$doc:meta])* $field:ident),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $Name<$F> {
            $($(#[$doc])* #[allow(missing_docs, reason = "the field is the symbol of the formula")] pub $field: $F,)+
        }

        impl<$F: $crate::rule::Real> $crate::rule::ScalarLayout<$F> for $Name<$F> {
            const FIELDS: &'static [&'static str] = &[$(stringify!($field),)+];

            fn from_slice(numbers: &[$F]) -> Self {
                let mut numbers = numbers.iter().copied();
                $Name { $($field: numbers.next().unwrap_or_default(),)+ }
            }

            fn to_vec(&self) -> Vec<$F> {
                vec![$(self.$field,)+]
            }
        }
    };
}

/// Declares a rule's state tensors once: name, torch's name, and the loop of the twin over them. And its sums, if it has any: each is formed in one stage,
/// which sets it to what an element adds, and reads as the sum or the mean of all of them in the stages that follow.
///
/// ```
/// use wgpu_optim::rule::{Extent, StateLayout, SumForm};
/// use wgpu_optim::state;
/// state! {
///     /// Two moments.
///     pub struct State<F> { m = "exp_avg", v = "exp_avg_sq" }
/// }
/// assert_eq!(<State<f32> as StateLayout<f32>>::FIELDS[1].torch, "exp_avg_sq");
///
/// state! {
///     /// A number for each row, and what is added up on the way to it.
///     pub struct ByRows<F> { row_var: Rows = "row_var" }
///     sums { row_squares: Mean over Rows, values: Sum over Tensor }
/// }
/// let sums = <ByRows<f32> as StateLayout<f32>>::SUMS;
/// assert_eq!((sums[0].extent, sums[1].form), (Extent::Rows, SumForm::Sum));
/// ```
#[macro_export]
macro_rules! state {
    (@extent) => { $crate::rule::Extent::Elements };
    (@extent $extent:ident) => { $crate::rule::Extent::$extent };
    (
        $(#[$meta:meta])*
        pub struct $Name:ident<$F:ident> { $($(#[$doc:meta])* $field:ident $(: $extent:ident)? = $torch:literal),* $(,)? }
        $(sums { $($(#[$sum_doc:meta])* $sum:ident: $form:ident over $over:ident),+ $(,)? })?
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $Name<$F> {
            $($(#[$doc])* #[allow(missing_docs, reason = "the field is the symbol of the formula")] pub $field: $F,)*
            $($($(#[$sum_doc])* #[allow(missing_docs, reason = "the field is the symbol of the formula")] pub $sum: $F,)+)?
        }

        impl<$F: $crate::rule::Real> $crate::rule::StateLayout<$F> for $Name<$F> {
            const FIELDS: &'static [$crate::rule::StateField] = &[$($crate::rule::StateField {
                name: stringify!($field),
                torch: $torch,
                extent: $crate::state!(@extent $($extent)?),
            },)*];
            const SUMS: &'static [$crate::rule::SumField] = &[$($($crate::rule::SumField {
                name: stringify!($sum),
                extent: $crate::rule::Extent::$over,
                form: $crate::rule::SumForm::$form,
            },)+)?];

            fn from_slice(numbers: &[$F]) -> Self {
                let mut numbers = numbers.iter().copied();
                $Name {
                    $($field: numbers.next().unwrap_or_default(),)*
                    $($($sum: numbers.next().unwrap_or_default(),)+)?
                }
            }

            #[inline(always)]
            fn sweep(
                lanes: &mut [Option<&mut [$F]>],
                gradients: Option<&[$F]>,
                values: &mut [$F],
                pass: impl Fn($F, &mut $F, &mut Self),
            ) {
                // Arguments of a function do not overlap, and the compiler knows it.
                #[inline(always)]
                #[allow(clippy::too_many_arguments, reason = "one for each state and sum")]
                fn run<$F: $crate::rule::Real>(
                    gradients: &[$F],
                    values: &mut [$F],
                    $($field: &mut [$F],)*
                    $($($sum: &mut [$F],)+)?
                    pass: &impl Fn($F, &mut $F, &mut $Name<$F>),
                ) {
                    let n = values.len();
                    let gradients = &gradients[..n];
                    $(let $field = &mut $field[..n];)*
                    $($(let $sum = &mut $sum[..n];)+)?
                    for i in 0..n {
                        let mut state = $Name { $($field: $field[i],)* $($($sum: $sum[i],)+)? };
                        pass(gradients[i], &mut values[i], &mut state);
                        $($field[i] = state.$field;)*
                        $($($sum[i] = state.$sum;)+)?
                    }
                }
                struct Unused<$F> { $($field: [$F; $crate::rule::BLOCK],)* $($($sum: [$F; $crate::rule::BLOCK],)+)? }
                let zeros = [$F::zero(); $crate::rule::BLOCK];
                let mut unused = Unused { $($field: zeros,)* $($($sum: zeros,)+)? };
                let [$($field,)* $($($sum,)+)?] = lanes else { return };
                for (index, values) in values.chunks_mut($crate::rule::BLOCK).enumerate() {
                    let begin = index * $crate::rule::BLOCK;
                    let part = begin..begin + values.len();
                    let gradients = gradients.map_or(&zeros[..values.len()], |gradients| &gradients[part.clone()]);
                    run(
                        gradients,
                        values,
                        $($crate::rule::block($field, part.clone(), &mut unused.$field),)*
                        $($($crate::rule::block($sum, part.clone(), &mut unused.$sum),)+)?
                        &pass,
                    );
                }
            }
        }
    };
}
