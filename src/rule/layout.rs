//! Layouts that Rust and WGSL share, each stated once: hyper-parameters and per-step scalars. That of the state is beside.

use core::marker::PhantomData;

use super::{Beta, Real, Word};

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
    /// Adds its words to others, in order.
    fn push_words(self, words: &mut Vec<u32>);
    /// Adds its words as numbers to others, in order.
    fn push_numbers(self, numbers: &mut Vec<f64>);
    /// Replaces one of its words that is a number by one that is off by `error` at most.
    fn assign(&mut self, word: usize, number: f64, error: f64);
}

impl<W: Word> Member for W {
    const WGSL: &'static str = W::WGSL;
    const WORDS: usize = 1;
    fn push_words(self, words: &mut Vec<u32>) {
        words.push(self.to_word());
    }
    fn push_numbers(self, numbers: &mut Vec<f64>) {
        numbers.push(self.to_value());
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
                let mut words = Vec::new();
                $($crate::rule::Member::push_words(self.$field, &mut words);)+
                words
            }

            fn numbers(&self) -> Vec<f64> {
                let mut numbers = Vec::new();
                $($crate::rule::Member::push_numbers(self.$field, &mut numbers);)+
                numbers
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
