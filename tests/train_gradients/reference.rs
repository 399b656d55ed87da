//! The network in f64 with the error of an f32 evaluation beside every value, so that tolerances are not chosen.
//!
//! Built-ins err by what WGSL allows them. Rounding errors count as independent, so they add as squares (Higham and Mary, doi
//! 10.1137/18M1226312): the worst case, where they add up, is a hundred to ten thousand times what is seen on llvmpipe, and would hide defects.

/// Relative error of one sum, product or constant, rounded to nearest.
const UNIT: f64 = 1.0 / (1 << 24) as f64;
/// A unit in the last place, in which WGSL states the accuracy of built-ins.
const ULP: f64 = 2.0 * UNIT;

/// A value and the standard deviation of its error in f32.
#[derive(Clone, Copy, Debug, Default)]
pub struct Uncertain {
    pub value: f64,
    pub error: f64,
}

impl Uncertain {
    pub fn exact(value: f64) -> Self {
        Uncertain { value, error: 0.0 }
    }

    fn new(value: f64, errors: &[f64]) -> Self {
        Uncertain { value, error: norm(errors.iter().copied()) }
    }

    /// How far f32 may be off: 6 standard deviations.
    pub fn tolerance(self) -> f64 {
        6.0 * self.error
    }

    /// A sum of products in any order. Each of the n sums is rounded by at most a unit of the sum of magnitudes.
    fn dot(terms: impl Iterator<Item = (Uncertain, Uncertain)> + Clone) -> Self {
        let value = terms.clone().map(|(a, b)| a.value * b.value).sum();
        let magnitude: f64 = terms.clone().map(|(a, b)| (a.value * b.value).abs()).sum();
        let rounding = UNIT * magnitude * (terms.clone().count() as f64).sqrt();
        let errors = terms.flat_map(|(a, b)| [a.error * b.value, a.value * b.error, UNIT * a.value * b.value]);
        Uncertain { value, error: norm(errors.chain([rounding])) }
    }
}

fn norm(errors: impl Iterator<Item = f64>) -> f64 {
    errors.map(|error| error * error).sum::<f64>().sqrt()
}

/// A layer's weights [outputs][inputs] and biases, or their gradients.
#[derive(Clone, Debug)]
pub struct Layer {
    pub weight: Vec<Vec<Uncertain>>,
    pub bias: Vec<Uncertain>,
}

/// What a batch is: inputs and label of each row.
pub type Rows = Vec<(Vec<Uncertain>, usize)>;

/// Outputs of all layers for one row, from the inputs to the logits, the latter before any ReLU.
pub fn forward(layers: &[Layer], inputs: &[Uncertain]) -> Vec<Vec<Uncertain>> {
    let mut outputs = vec![inputs.to_vec()];
    for (index, layer) in layers.iter().enumerate() {
        let inputs = activations(&outputs, index);
        let one = Uncertain::exact(1.0);
        let output = |(weight, &bias): (&Vec<Uncertain>, &Uncertain)| {
            Uncertain::dot(inputs.iter().copied().zip(weight.iter().copied()).chain([(bias, one)]))
        };
        outputs.push(layer.weight.iter().zip(&layer.bias).map(output).collect());
    }
    outputs
}

/// Inputs of a layer: the ReLU of the outputs of the one before.
fn activations(outputs: &[Vec<Uncertain>], layer: usize) -> Vec<Uncertain> {
    let relu = |output: &Uncertain| Uncertain { value: output.value.max(0.0), error: output.error };
    if layer == 0 { outputs[0].clone() } else { outputs[layer].iter().map(relu).collect() }
}

/// Cross-entropy of one row and its gradient by the logits.
fn cross_entropy(logits: &[Uncertain], label: usize) -> (Uncertain, Vec<Uncertain>) {
    let highest = logits.iter().copied().fold(logits[0], |a, b| if b.value > a.value { b } else { a });
    let below = |z: &Uncertain| {
        let value = z.value - highest.value;
        Uncertain::new(value, &[z.error, highest.error, UNIT * value])
    };
    let powers: Vec<Uncertain> = logits.iter().map(below).collect();
    let exp = |power: &Uncertain| {
        let value = power.value.exp();
        // WGSL: 3 + 2 |x| ulp.
        Uncertain::new(value, &[value * power.error, value * (3.0 - 2.0 * power.value) * ULP])
    };
    let exps: Vec<Uncertain> = powers.iter().map(exp).collect();
    let total = Uncertain::dot(exps.iter().map(|&exp| (exp, Uncertain::exact(1.0))));
    let (log, own) = (total.value.ln(), powers[label]);
    let loss = log - own.value;
    // WGSL: 2^-21 below 2, 3 ulp above; each is covered by their sum.
    let loss = Uncertain::new(loss, &[total.error / total.value, 4.0 * ULP + 3.0 * ULP * log, own.error, UNIT * loss]);
    let delta = |(class, exp): (usize, &Uncertain)| {
        let probability = exp.value / total.value;
        // WGSL: a quotient errs by 2.5 ulp.
        let relative = [exp.error / exp.value, total.error / total.value, 2.5 * ULP];
        let value = probability - f64::from(u8::from(class == label));
        Uncertain::new(value, &[probability * norm(relative.into_iter()), UNIT * value])
    };
    (loss, exps.iter().enumerate().map(delta).collect())
}

pub fn mean_loss(layers: &[Layer], rows: &Rows) -> f64 {
    let loss = |(inputs, label): &(Vec<Uncertain>, usize)| cross_entropy(&forward(layers, inputs)[layers.len()], *label).0.value;
    rows.iter().map(loss).sum::<f64>() / rows.len() as f64
}

/// Sum of the losses, and the gradients of their mean.
pub fn differentiate(layers: &[Layer], rows: &Rows) -> (Uncertain, Vec<Layer>) {
    let outputs: Vec<Vec<Vec<Uncertain>>> = rows.iter().map(|(inputs, _)| forward(layers, inputs)).collect();
    let scale = |delta: &Uncertain| {
        let (value, error) = (delta.value / rows.len() as f64, delta.error / rows.len() as f64);
        Uncertain::new(value, &[error, 2.5 * ULP * value])
    };
    let (losses, mut deltas): (Vec<Uncertain>, Vec<Vec<Uncertain>>) =
        rows.iter().zip(&outputs).map(|((_, label), outputs)| cross_entropy(&outputs[layers.len()], *label)).unzip();
    deltas.iter_mut().flatten().for_each(|delta| *delta = scale(delta));
    let one = Uncertain::exact(1.0);
    let loss = Uncertain::dot(losses.into_iter().map(|loss| (loss, one)));
    let mut gradients = Vec::new();
    for index in (0..layers.len()).rev() {
        let inputs: Vec<Vec<Uncertain>> = outputs.iter().map(|outputs| activations(outputs, index)).collect();
        let weight = |o: usize, i: usize| Uncertain::dot(deltas.iter().zip(&inputs).map(|(delta, input)| (delta[o], input[i])));
        let bias = |o: usize| Uncertain::dot(deltas.iter().map(|delta| (delta[o], one)));
        let (width, height) = (inputs[0].len(), layers[index].bias.len());
        gradients.push(Layer {
            weight: (0..height).map(|o| (0..width).map(|i| weight(o, i)).collect()).collect(),
            bias: (0..height).map(bias).collect(),
        });
        if index == 0 {
            break;
        }
        deltas = deltas.iter().zip(&outputs).map(|(delta, outputs)| through(&layers[index], delta, &outputs[index])).collect();
    }
    gradients.reverse();
    (loss, gradients)
}

/// The gradient by a layer's inputs before their ReLU. Where f32 may see the input on the other side of zero, either result is right.
fn through(layer: &Layer, delta: &[Uncertain], inputs: &[Uncertain]) -> Vec<Uncertain> {
    let by_input = |(index, input): (usize, &Uncertain)| {
        let sum = Uncertain::dot(delta.iter().zip(&layer.weight).map(|(&delta, weight)| (delta, weight[index])));
        match input.value > 0.0 {
            _ if input.value.abs() <= input.tolerance() => Uncertain::new(sum.value / 2.0, &[sum.value / 2.0, sum.error]),
            true => sum,
            false => Uncertain::default(),
        }
    };
    inputs.iter().enumerate().map(by_input).collect()
}
