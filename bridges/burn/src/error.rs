//! `Error`: what the bridge refuses, by the parameter's name, and what wgpu-optim and burn have to say.

/// Shorthand.
pub type Result<T> = core::result::Result<T, Error>;

/// Everything that can go wrong. After an error the optimizer and the model's values are as they were; values that were to be made the model's own may be.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// wgpu-optim refuses something.
    #[error(transparent)]
    Optimizer(#[from] wgpu_optim::Error),
    /// burn or cubecl refuse something.
    #[error("burn: {0}")]
    Burn(String),
    /// No parameter requires a gradient.
    #[error(
        "no parameter of the model requires a gradient; make the model on BurnDevice::autodiff(), or let `Module::train` return it to training"
    )]
    NoGradients,
    /// A parameter whose numbers are not f32.
    #[error("{param}: its values are {dtype}; the optimizer takes F32 alone, leave the parameter out of the groups")]
    Dtype {
        /// The parameter.
        param: String,
        /// What its numbers are.
        dtype: String,
    },
    /// A tensor on another device than the optimizer's.
    #[error("{param}: its {tensor} is on {has}, the optimizer on {wants}; move the model with Module::fork")]
    OtherDevice {
        /// The parameter.
        param: String,
        /// "value" or "gradient".
        tensor: &'static str,
        /// Where it is.
        has: String,
        /// Where it should be.
        wants: String,
    },
    /// A value that something else holds too, with [`Shared::Refuse`](crate::Shared::Refuse).
    #[error(
        "{param}: a clone of the model, a tensor or a backward pass that is still to come has its value too, and a step would change that; drop \
         it, or take Shared::Copy"
    )]
    Shared {
        /// The parameter.
        param: String,
    },
    /// A value that is not row-major, with [`Shared::Refuse`](crate::Shared::Refuse).
    #[error(
        "{param}: its value is not stored row by row (shape {shape:?}, strides {strides:?}); take Shared::Copy, which makes one that is"
    )]
    Strided {
        /// The parameter.
        param: String,
        /// Its shape.
        shape: Vec<usize>,
        /// Its strides, in elements.
        strides: Vec<usize>,
    },
    /// Two parameters with one id, as clones of one parameter within a module are: burn has one gradient for both.
    #[error(
        "{first} and {second} are one parameter to burn (id {id}), which gives it one gradient; make them two parameters, or one field"
    )]
    OneId {
        /// One path.
        first: String,
        /// The other path.
        second: String,
        /// The id.
        id: String,
    },
    /// A gradient came for a parameter that did not require one when the optimizer was made.
    #[error(
        "{param}: it has a gradient and is in no group; BurnOptimizer::add gives it one, and BurnOptimizer::leave_out says that this is meant"
    )]
    NoGroup {
        /// The parameter.
        param: String,
    },
    /// A parameter of the optimizer that the model does not have: another model, or one whose ids are new.
    #[error("{param}: the model has no parameter with its id; give the optimizer the model that it was made for")]
    Missing {
        /// The parameter.
        param: String,
    },
    /// A value or gradient of another shape than the parameter had when the optimizer was made.
    #[error("{param}: its {tensor} has shape {has:?}, the parameter {wants:?}")]
    Shape {
        /// The parameter.
        param: String,
        /// "value" or "gradient".
        tensor: &'static str,
        /// The shape that came.
        has: Vec<usize>,
        /// That of the parameter.
        wants: Vec<usize>,
    },
    /// Gradients that belong to no parameter of the model.
    #[error(
        "{count} gradients are of no parameter of this model; take them from the model that is stepped, GradientsParams::from_grads(.., &model)"
    )]
    Strays {
        /// How many.
        count: usize,
    },
    /// An option that has no meaning on burn's buffers.
    #[error("{option}: {why}")]
    Option {
        /// The option.
        option: &'static str,
        /// Why not.
        why: &'static str,
    },
}
