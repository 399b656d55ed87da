//! `ModuleParam`: a module's parameters by their paths, to be put in groups.

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;
use wgpu_optim::step::Named;

/// A float parameter of a module, by its path. [`params`] lists them; groups take them.
#[derive(Clone, Debug, PartialEq)]
pub struct ModuleParam {
    /// The path, fields and indices joined by dots, as burn's records have it: `"layers.0.weight"`.
    pub name: String,
    /// Sizes of the dimensions.
    pub shape: Vec<usize>,
    /// The factor by which the learning rate of the group is multiplied for this parameter.
    ///
    /// Default: `1`, range: `[0, inf)`.
    pub lr_scale: f64,
    pub(crate) id: ParamId,
}

impl Named for ModuleParam {
    fn name(&self) -> &str {
        &self.name
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
}

/// The parameters of a module that require a gradient, in the module's order. What is frozen (`no_grad`, `freeze`) is not among them, nor are running
/// statistics.
///
/// ```no_run
/// use burn::nn::{Linear, LinearConfig};
/// use wgpu_optim::{AdamW, Group, Options};
/// use wgpu_optim_burn::{BurnDevice, BurnOptimizer, params};
///
/// # fn main() -> wgpu_optim_burn::Result<()> {
/// let device = BurnDevice::open()?;
/// let model: Linear = LinearConfig::new(4, 2).init(&device.autodiff());
/// let mut params = params(&model);
/// let biases = Group::matching(AdamW { weight_decay: 0.0, ..Default::default() }, &mut params, "*bias");
/// let groups = [biases, Group::new(AdamW::default(), params)];
/// let optimizer = BurnOptimizer::with_groups(groups, Options::default(), &model, &device)?;
/// # let _ = optimizer;
/// # Ok(())
/// # }
/// ```
pub fn params<M: Module>(module: &M) -> Vec<ModuleParam> {
    let mut listing = Listing::default();
    module.visit(&mut listing);
    listing.found.into_iter().filter(|(_, requires_grad)| *requires_grad).map(|(param, _)| param).collect()
}

/// All float parameters of a module, and whether each requires a gradient.
pub(crate) fn all<M: Module>(module: &M) -> Vec<(ModuleParam, bool)> {
    let mut listing = Listing::default();
    module.visit(&mut listing);
    listing.found
}

#[derive(Default)]
struct Listing {
    path: Vec<String>,
    found: Vec<(ModuleParam, bool)>,
}

impl ModuleVisitor for Listing {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let (name, shape) = (self.path.join("."), param.lazy_shape().to_vec());
        self.found.push((ModuleParam { name, shape, lr_scale: 1.0, id: param.id }, param.is_require_grad()));
    }

    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }
}
