//! What rules keep of an element and what their stages add up, stated once for the twin and for WGSL: `state!`.

use core::ops::Range;

use super::{Extent, Real};

/// One state tensor: our name for it, torch's, and what has a number in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateField {
    /// The name in formulas, WGSL, the twin, and [`Optimizer::state`](crate::Optimizer::state).
    pub name: &'static str,
    /// The key in torch's `state_dict`. Where it is empty, the state is scratch: what a stage leaves for later ones of the same step, and nothing of it is kept.
    pub torch: &'static str,
    /// Whether each element has a number, each row, each column, or each index of each axis.
    pub extent: Extent,
}

impl StateField {
    /// Whether nothing of it is kept from step to step.
    pub fn is_scratch(&self) -> bool {
        self.torch.is_empty()
    }
}

/// What a stage of a rule adds up, or of what it finds the largest, for later stages of the step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SumField {
    /// The name in formulas, WGSL and the twin.
    pub name: &'static str,
    /// Over what: each row, each column, ..., all.
    pub extent: Extent,
    /// What later stages read.
    pub form: SumForm,
}

/// What becomes of numbers that were added up, or compared. What is beyond f32's largest number is that, also where a mean is formed of it. A NaN among them makes
/// it NaN.
///
/// [`state!`](crate::state) has an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SumForm {
    /// Their sum.
    Sum,
    /// Their mean: the sum over how many were added.
    Mean,
    /// The largest of their magnitudes; 0 of none.
    Largest,
}

impl SumForm {
    /// Whether numbers are compared, and not added up.
    pub(crate) fn is_largest(self) -> bool {
        self == SumForm::Largest
    }
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
    ///
    /// Without `WIDE`, states of wider extents than elements and sums are zero and cost nothing, whatever `lanes` has of them: a constant, so that each caller has a
    /// `pass` of its own, which the compiler puts into the loop.
    fn sweep<const WIDE: bool>(
        lanes: &mut [Option<&mut [F]>],
        gradients: Option<&[F]>,
        values: &mut [F],
        pass: impl Fn(F, &mut F, &mut Self),
    );
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
///
/// state! {
///     /// A number for each index of each axis, and the largest of what has that index.
///     pub struct ByAxes<F> { mu: Axes = "mu" }
///     sums { cover: Largest over Axes }
/// }
/// assert_eq!(<ByAxes<f32> as StateLayout<f32>>::SUMS[0].form, SumForm::Largest);
/// ```
#[macro_export]
macro_rules! state {
    (@extent) => { $crate::rule::Extent::Elements };
    (@extent $extent:ident) => { $crate::rule::Extent::$extent };
    (@is_wide $($extent:ident)?) => { !matches!($crate::state!(@extent $($extent)?), $crate::rule::Extent::Elements) };
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
            fn sweep<const WIDE: bool>(
                lanes: &mut [Option<&mut [$F]>],
                gradients: Option<&[$F]>,
                values: &mut [$F],
                pass: impl Fn($F, &mut $F, &mut Self),
            ) {
                // Arguments of a function do not overlap, and the compiler knows it.
                #[inline(always)]
                #[allow(clippy::too_many_arguments, reason = "one for each state and sum")]
                fn run<$F: $crate::rule::Real, const WIDE: bool>(
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
                        let mut state = $Name {
                            $($field: if WIDE || !$crate::state!(@is_wide $($extent)?) { $field[i] } else { $F::zero() },)*
                            $($($sum: if WIDE { $sum[i] } else { $F::zero() },)+)?
                        };
                        pass(gradients[i], &mut values[i], &mut state);
                        $(if WIDE || !$crate::state!(@is_wide $($extent)?) {
                            $field[i] = state.$field;
                        })*
                        $($(if WIDE {
                            $sum[i] = state.$sum;
                        })+)?
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
                    run::<$F, WIDE>(
                        gradients,
                        values,
                        $(if WIDE || !$crate::state!(@is_wide $($extent)?) {
                            $crate::rule::block($field, part.clone(), &mut unused.$field)
                        } else {
                            &mut unused.$field
                        },)*
                        $($(if WIDE { $crate::rule::block($sum, part.clone(), &mut unused.$sum) } else { &mut unused.$sum },)+)?
                        &pass,
                    );
                }
            }
        }
    };
}
