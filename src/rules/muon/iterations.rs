//! The coefficients of Muon's iterations, the factor of its steps, and the parameters that it is for.

use super::Muon;
use crate::rule::reach;

/// optax 0.2.8, `contrib/_muon.py`, `"dion"`.
const DION: [[f64; 3]; 5] = [
    [4.0848, -6.8946, 2.9270],
    [3.9505, -6.3029, 2.6377],
    [3.7418, -5.5913, 2.3037],
    [2.8769, -3.1427, 1.2046],
    [2.8366, -3.0525, 1.2012],
];
/// Amsel et al., arXiv 2505.16932, as in microsoft/dion: each divided by a safety factor of 1.05 already.
const POLAR_EXPRESS: [[f64; 3]; 5] = [
    [8.15655, -22.48329, 15.87877],
    [4.04293, -2.80892, 0.50002],
    [3.89167, -2.77248, 0.50606],
    [3.28575, -2.36813, 0.46449],
    [2.34654, -1.70978, 0.42324],
];
/// By what the norm is multiplied with these.
pub(super) const SAFETY: f64 = 1.02;

impl Muon {
    /// Whether it is usual to give a parameter of this name and shape to Muon: a matrix, or several, and neither an embedding nor an output layer, which the parts of its
    /// name between dots and underscores say: `embed`, `embedding`, `wte`, `wpe`, `head`, `lm`, `output`. The others are for AdamW.
    ///
    /// ```
    /// use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
    /// use wgpu_optim::{AdamW, Group, Muon};
    ///
    /// let shapes: [(&str, &[usize]); 4] = [("wte", &[50, 8]), ("h.0.fc.weight", &[8, 32]), ("h.0.fc.bias", &[32]), ("lm_head", &[50, 8])];
    /// let mut params: Vec<CpuParam> = shapes.iter().map(|(name, shape)| CpuParam::new(*name, shape)).collect();
    /// let hidden = Group::matching(Muon::default(), &mut params, |param: &CpuParam| Muon::is_for(&param.name, &param.shape));
    /// assert_eq!(hidden.params.iter().map(|param| &*param.name).collect::<Vec<_>>(), ["h.0.fc.weight"]);
    /// let optimizer = CpuOptimizer::<f32>::with_groups([hidden, Group::new(AdamW::default(), params)])?;
    /// # Ok::<(), wgpu_optim::Error>(())
    /// ```
    pub fn is_for(name: &str, shape: &[usize]) -> bool {
        const OTHERS: [&str; 10] = ["embed", "embedding", "embeddings", "embeds", "wte", "wpe", "head", "heads", "lm", "output"];
        let parts = name.split(|c: char| c.is_ascii() && !c.is_ascii_alphanumeric());
        let is_other = |part: &str| OTHERS.iter().any(|other| other.eq_ignore_ascii_case(part));
        shape.len() >= 2 && !parts.into_iter().any(is_other)
    }

    /// The coefficients of each iteration.
    pub(super) fn iterations(&self) -> Vec<[f64; 3]> {
        let each = |iteration: usize| match (self.dion, self.polar_express) {
            (true, _) => DION[iteration.min(DION.len() - 1)],
            (_, true) => POLAR_EXPRESS[iteration.min(POLAR_EXPRESS.len() - 1)],
            _ => [self.ns_a, self.ns_b, self.ns_c],
        };
        (0..self.ns_steps as usize).map(each).collect()
    }

    /// By what X is multiplied, of a matrix of so many rows and columns.
    pub(super) fn factor(&self, rows: usize, columns: usize) -> f64 {
        let [rows, columns] = [rows, columns].map(|size| size as f64);
        if self.rms_scale > 0.0 {
            return self.rms_scale * rows.max(columns).sqrt();
        }
        let ratio = if self.inputs_first { columns / rows } else { rows / columns };
        if self.unclamped { ratio.sqrt() } else { ratio.max(1.0).sqrt() }
    }
}

/// Up to which size iterations may bring a singular value.
pub(super) const MOST: f64 = 100.0;

/// How large singular values of up to 1 become at most.
pub(super) fn grown(coefficients: &[[f64; 3]]) -> f64 {
    coefficients.iter().fold(1.0, |most, own| reach(most, *own).x)
}
