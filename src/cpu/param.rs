use crate::step::Named;

/// One named tensor of a CPU optimizer.
#[derive(Clone, Debug, PartialEq)]
pub struct CpuParam {
    /// Unique among the optimizer's.
    pub name: String,
    /// Sizes of the dimensions.
    pub shape: Vec<usize>,
    /// By what the group's learning rate is multiplied.
    pub lr_scale: f64,
    /// By what each element's step is multiplied: numbers, and their shape, see [`crate::LrScales`].
    pub lr_scales: Option<(Vec<f32>, Vec<usize>)>,
    /// Never takes part.
    pub frozen: bool,
}

impl CpuParam {
    /// A parameter that differs in nothing from its group.
    pub fn new(name: impl Into<String>, shape: &[usize]) -> Self {
        CpuParam { name: name.into(), shape: shape.to_vec(), lr_scale: 1.0, lr_scales: None, frozen: false }
    }
}

impl From<(&str, usize)> for CpuParam {
    fn from((name, len): (&str, usize)) -> Self {
        CpuParam::new(name, &[len])
    }
}

impl Named for CpuParam {
    fn name(&self) -> &str {
        &self.name
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
}
