//! What an update rule is: hyper-parameters, state, per-step scalars and one formula, said once in Rust and once in WGSL.
//!
//! A rule never sees wgpu. It implements [`Rule`]; the engine drives it through [`AnyRule`], which every [`Rule`] is.

mod any;
mod beta;
mod bounded;
mod extent;
mod hyper;
mod iteration;
mod layout;
mod numerics;
mod product;
mod range;
mod real;
mod square;
mod stage;
mod state;
mod twin;
mod wide;
mod widest;

pub use any::AnyRule;
pub use beta::{Beta, bias_correction, decayed_average};
pub use bounded::Bounded;
#[doc(hidden)]
pub use extent::Part;
pub(crate) use extent::{AXES, Axis};
pub use extent::{Extent, Extents};
pub use hyper::{HyperParameter, HyperParameters, Number};
pub(crate) use iteration::reach;
pub use layout::{Field, Layout, Member, NoScalars, ScalarLayout};
pub(crate) use numerics::parts;
pub use numerics::{
    at_least, at_most, by_sign, clamped, exponent_parts, factored_root, finite_or_nan, is_beyond, larger, larger_magnitude, lerp, ln_beta,
    ln_ratio, moving_average, normal_square, one_minus_pow, penalized, power, reciprocal_root, reciprocal_root_over, saturated, sign_of,
    smaller, square, step_pow, where_agreeing, where_same_side, where_zero,
};
pub use product::Product;
pub use range::Range;
pub use real::{Real, Word};
pub use square::Square;
pub use stage::{EVERY, Stage};
#[doc(hidden)]
pub use state::{BLOCK, block};
pub use state::{StateField, StateLayout, SumField, SumForm};
#[doc(hidden)]
pub use twin::{Function, ScheduledMember, Sweep, Twin};
pub(crate) use wide::Wide;
#[cfg(feature = "cpu")]
pub(crate) use widest::{Op, widest};

/// One update formula, as a value: a plain struct of hyper-parameters that knows its WGSL text and its CPU twin.
///
/// The Rust functions here and the WGSL functions in [`Rule::WGSL`] have the same names, the same statements and the same
/// order. The text defines `fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>,
/// state: ptr<function, State>)` and, where there are per-step scalars, `fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars`; the
/// structs `Hyper`, `Scalars` and `State` are generated from the three layouts below, and the functions of
/// `shaders/lib/numerics.wgsl` are in scope. So are the kernels' own: helpers and stages of a rule are best named after what only it does (`lion_mixture`),
/// since a name that is there twice is an error, which shows both places. A state that is not in use reads as zero and is not kept.
///
/// A gradient that is NaN or infinite makes its element NaN ([`Rule::GOES_ON`]). Arithmetic sees to that; WGSL's `sign`, `min`, `max` and `clamp` may lose
/// a NaN, so what comes from the gradient goes through [`sign_of`], [`larger`], [`at_least`], [`clamped`] and [`by_sign`], which are in scope there under
/// the same names. In Rust all functions of [`Real`] keep it.
///
/// A rule of one's own, in full, run by the CPU twin; [`Optimizer::new`](crate::Optimizer::new) takes it just so:
///
/// ```
/// use wgpu_optim::rule::{NoScalars, Range, Real, Rule, clamped};
/// use wgpu_optim::{cpu::CpuOptimizer, hyper_parameters, layout, state};
///
/// hyper_parameters! {
///     /// Steps of constant size along a running sum of the gradients' signs.
///     pub struct SignSum {
///         /// Step size.
///         pub lr: f64 = 1e-3, Range::NON_NEGATIVE, scheduled;
///     }
/// }
/// layout! {
///     /// Per group.
///     pub struct Hyper<F> { lr: F }
/// }
/// state! {
///     /// The sum.
///     pub struct State<F> { sum = "sign_sum" }
/// }
///
/// impl Rule for SignSum {
///     const NAME: &'static str = "SignSum";
///     const FORMULA: &'static str = "sum += clamp(g, -1, 1);  p -= lr * sum";
///     const WGSL: &'static str = "
///         fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
///             state.sum += clamped(gradient, vec4f(-1.0), vec4f(1.0));
///             *p -= h.lr * state.sum;
///         }";
///     type Hyper<F: Real> = Hyper<F>;
///     type Scalars<F: Real> = NoScalars<F>;
///     type State<F: Real> = State<F>;
///
///     fn hyper<F: Real>(&self) -> Hyper<F> {
///         Hyper { lr: F::of(self.lr) }
///     }
///     fn prepare<F: Real>(_h: &Hyper<F>, _step: F, _last: &NoScalars<F>) -> NoScalars<F> {
///         NoScalars::default()
///     }
///     #[inline(always)]
///     fn update<F: Real>(h: &Hyper<F>, _s: &NoScalars<F>, gradient: F, p: &mut F, state: &mut State<F>) {
///         state.sum = state.sum + clamped(gradient, -F::one(), F::one());
///         *p = *p - h.lr * state.sum;
///     }
///     fn cases() -> Vec<(&'static str, Self)> {
///         vec![("fast", SignSum { lr: 0.5 })]
///     }
/// }
///
/// let mut optimizer = CpuOptimizer::<f64>::new(SignSum { lr: 0.5 }, [("w", 2)])?;
/// let mut values = [1.0, 1.0];
/// optimizer.step(&mut [&mut values], &[Some(&[3.0, -0.5])])?;
/// assert_eq!(values, [0.5, 1.25]);
/// # Ok::<(), wgpu_optim::Error>(())
/// ```
pub trait Rule: HyperParameters + Clone + core::fmt::Debug + Send + Sync + 'static {
    /// The name by which the rule is reported, the type's, and chosen, in any case.
    const NAME: &'static str;
    /// The formula in one line, for tables; the full one is in the type's documentation.
    const FORMULA: &'static str;
    /// The WGSL text: `update`, and `prepare` where there is one. `USES_x` says whether the state `x` is in use, as a constant: what depends on it costs
    /// nothing.
    const WGSL: &'static str;
    /// What other frameworks call this rule. Recorded runs are replayed, and states exchanged, by these names.
    const KNOWN_AS: &'static [KnownAs] = &[];

    /// What the kernel reads per group; differences such as `1 - beta` are formed here, on the host, in f64.
    type Hyper<F: Real>: Layout;
    /// What depends on the step count: formed once per parameter and step by `prepare`. [`NoScalars`] where there is none.
    type Scalars<F: Real>: ScalarLayout<F>;
    /// The state tensors, one element of each.
    type State<F: Real>: StateLayout<F>;

    /// The hyper-parameters in the form that the kernel reads.
    fn hyper<F: Real>(&self) -> Self::Hyper<F>;

    /// The scalars of step `step`, which counts from 1. `last` are those of the step before, all zeros at the first: what a rule carries from
    /// step to step besides its state tensors is a scalar that it forms from the last one.
    fn prepare<F: Real>(h: &Self::Hyper<F>, step: F, last: &Self::Scalars<F>) -> Self::Scalars<F>;

    /// One element: reads the gradient, changes the value `p` and the state. `#[inline(always)]` lets the CPU backend run it in the widest registers of
    /// the machine.
    fn update<F: Real>(h: &Self::Hyper<F>, s: &Self::Scalars<F>, gradient: F, p: &mut F, state: &mut Self::State<F>);

    /// The functions that a step runs over all elements, rows, columns or indices of axes, in order; the last one is [`Rule::update`]. Between two of them, sums are
    /// formed.
    ///
    /// In WGSL each is a function of its name with the arguments of `update`, and what follows its sums is
    /// `fn resume_NAME(h: Hyper, s: Scalars, sums: Sums) -> Scalars`, with a struct `Sums` of the sums that are over the tensor, the group or all, each an `f32`.
    /// All members of `State` are `vec4f`: of four elements, or of four rows, columns or indices in a stage that runs over these. There a state or sum of the wider
    /// extent is that of each element's row, column, slice or tensor; of axes, the least of what its indices have.
    const STAGES: &'static [Stage] = &[Stage::UPDATE];

    /// One element, row or column in a stage before the last: reads what the stage reads, changes the states that it writes, and sets the sums that it forms
    /// to what this one adds.
    fn stage<F: Real>(stage: usize, h: &Self::Hyper<F>, s: &Self::Scalars<F>, gradient: F, p: F, state: &mut Self::State<F>) {
        let _ = (stage, h, s, gradient, p, state);
    }

    /// The scalars from this stage on, where new ones follow from the sums that are over the tensor, the group or all; the other members of `sums`, and those
    /// that later stages form, are 0.
    fn resume<F: Real>(stage: usize, h: &Self::Hyper<F>, s: &Self::Scalars<F>, sums: &Self::State<F>) -> Self::Scalars<F> {
        let _ = (stage, h, sums);
        *s
    }

    /// State tensors that hold values, or means of them, by name. New rows begin with their values there. A rule that has some takes no `lr_scales` and no row masks, since
    /// values would leave these behind.
    const VALUES: &'static [&'static str] = &[];

    /// Whether these hyper-parameters make a first step that prepares the state for those after it, as ADOPT's does, so that an element must not miss it.
    fn begins(&self) -> bool {
        false
    }

    /// State tensors that are never negative, as second moments, by name: in fewer bits these have no sign, and what is above 0 is not stored as 0
    /// ([`StateStorage::v`](crate::StateStorage::v)).
    const NEVER_NEGATIVE: &'static [&'static str] = &[];

    /// State tensors that the rule only reads: the caller's passes write them, through [`Optimizer::state`](crate::Optimizer::state).
    const INPUTS: &'static [&'static str] = &[];

    /// Whether elements go on after a gradient that is NaN or infinite, as torch's Rprop does; `update` is then given it as it is. Otherwise `update`
    /// is given a NaN for both, and has to make the element NaN. (The value that [`Clip::Value`](crate::Clip::Value) makes of an infinite gradient is
    /// finite, as in torch.)
    const GOES_ON: bool = false;

    /// Whether the values that are trained are not those to evaluate the model with: then the WGSL text has `fn evaluate(h: Hyper, s: Scalars,
    /// p: ptr<function, vec4f>, state: ptr<function, State>)`. The trained values are kept aside meanwhile, 4 bytes for each: the way back is a copy.
    const VIEWS: bool = false;

    /// Turns a value that is trained into the one to evaluate with; the state stays. Sums are 0 here.
    fn evaluate<F: Real>(h: &Self::Hyper<F>, s: &Self::Scalars<F>, p: &mut F, state: &mut Self::State<F>) {
        let _ = (h, s, p, state);
    }

    /// Whether these hyper-parameters need the state tensor of this name; those not needed take no memory and no bandwidth.
    fn uses(&self, state: &str) -> bool {
        let _ = state;
        true
    }

    /// Whether they need this state or sum for a parameter that counts as a matrix ([`Rule::counts_as`]), or for another one. `USES_x` follows it.
    fn uses_for(&self, state_or_sum: &str, is_matrix: bool) -> bool {
        let _ = is_matrix;
        self.uses(state_or_sum)
    }

    /// The shape that the rule treats a tensor as, which decides what its rows, columns and slices are and whether it is a matrix. It has as many elements, in the same
    /// order. Adam-mini treats several rows as one. The default is the tensor's own shape.
    ///
    /// # Errors
    ///
    /// A message that says why these hyper-parameters are not for a tensor of this shape, and what to do.
    fn counts_as(&self, shape: &[usize]) -> Result<Vec<usize>, String> {
        Ok(shape.to_vec())
    }

    /// Where a stage orthogonalizes a state ([`Stage::orthogonalizes`]): `a, b, c` for each iteration `X = a X + (b A + c A A) X`, `A = X X^T`, of a matrix of so many rows and
    /// columns. X is what the stage has left in the state, or its transpose if it has more rows than columns; its singular values have to be at most 1, or what the
    /// coefficients converge for. What these depend on is [`Rule::FIXED`].
    fn coefficients(&self, rows: usize, columns: usize) -> Vec<[f64; 3]> {
        let _ = (rows, columns);
        Vec::new()
    }

    /// Whether these iterations keep X, A and B in f16 between products, which takes half the memory, and a device with `wgpu::Features::SHADER_F16`. Singular values have to be at
    /// most 1. [`Muon::ns_f16`](crate::Muon::ns_f16) says what it is for. What it depends on is [`Rule::FIXED`].
    fn iterates_in_f16(&self) -> bool {
        false
    }

    /// Whether an axis of this size, of a tensor of so many dimensions (as it counts, [`Rule::counts_as`]), has a square matrix: [`Extent::Squares`]. What this depends on is [`Rule::FIXED`].
    fn has_square(&self, dimensions: usize, size: usize) -> bool {
        let _ = (dimensions, size);
        false
    }

    /// Learning rates, by name: what [`Param::lr_scale`](crate::Param::lr_scale) multiplies.
    const LEARNING_RATES: &'static [&'static str] = &["lr"];

    /// Hyper-parameters that [`Rule::counts_as`], [`Rule::coefficients`], [`Rule::iterates_in_f16`] and [`Rule::has_square`] read, by name. A running optimizer refuses to change them.
    const FIXED: &'static [&'static str] = &[];

    /// What ranges cannot say: conditions over several hyper-parameters.
    ///
    /// # Errors
    ///
    /// A message that says which values do not go together, and what to do.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// Named configurations that the proofs and the benchmarks run, together setting every hyper-parameter to something else
    /// than its default.
    fn cases() -> Vec<(&'static str, Self)>;
}

/// A rule's name and hyper-parameter names in another framework.
///
/// ```
/// use wgpu_optim::rule::KnownAs;
///
/// /// A rule whose `beta1` is called `momentum` by torch, and for whose form of it our `decoupled_weight_decay` is on.
/// const KNOWN_AS: &[KnownAs] =
///     &[KnownAs { keys: &[("momentum", "beta1")], preset: &[("decoupled_weight_decay", 1.0)], ..KnownAs::torch("Mine") }];
/// assert_eq!(KNOWN_AS[0].framework, "torch");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KnownAs {
    /// `"torch"`, `"optax"`.
    pub framework: &'static str,
    /// The class or function there: `"AdamW"`.
    pub name: &'static str,
    /// Their key and ours, where they differ; `betas` and its like are `beta1`, `beta2` in order, and other lists ours joined by `", "`. A word that theirs may be, as
    /// `KEY=WORD`, and what it sets of ours, as `NAME=NUMBER`.
    pub keys: &'static [(&'static str, &'static str)],
    /// Our hyper-parameters that stand for their form of the rule or for their other default.
    pub preset: &'static [(&'static str, f64)],
}

impl KnownAs {
    /// A class in `torch.optim`, whose keys and defaults are ours.
    pub const fn torch(name: &'static str) -> Self {
        KnownAs { framework: "torch", name, keys: &[], preset: &[] }
    }
}
