//! Tensors that real models have.

/// A model's tensors.
pub struct Model {
    pub name: &'static str,
    pub shapes: Vec<Vec<usize>>,
}

/// One large tensor, of the size at which the CPU backend is compared, and many: or a few, when everything just has to run.
pub fn models(smoke: bool) -> Vec<Model> {
    if smoke {
        return vec![Model { name: "10 of 100", shapes: vec![vec![100]; 10] }];
    }
    vec![
        Model { name: "one tensor", shapes: vec![vec![16_000_000]] },
        Model { name: "ResNet-50", shapes: resnet50() },
        Model { name: "GPT-2 small", shapes: gpt2() },
        Model { name: "1,000 of 1,000", shapes: vec![vec![1000]; 1000] },
        Model { name: "10,000 of 100", shapes: vec![vec![100]; 10_000] },
    ]
}

/// GPT-2 small, or a few of its kinds of tensors, when everything just has to run.
pub fn gpt2_small(smoke: bool) -> Model {
    let shapes = if smoke { vec![vec![30, 20], vec![20], vec![20, 8]] } else { gpt2() };
    Model { name: "GPT-2 small", shapes }
}

impl Model {
    /// Names and shapes, for `Tensors`.
    pub fn named(&self) -> impl Iterator<Item = (String, &[usize])> {
        self.shapes.iter().enumerate().map(|(index, shape)| (index.to_string(), &shape[..]))
    }

    /// Of each tensor.
    pub fn lengths(&self) -> impl Iterator<Item = usize> {
        self.shapes.iter().map(|shape| shape.iter().product())
    }

    /// Of all.
    pub fn elements(&self) -> usize {
        self.lengths().sum()
    }
}

/// He et al., arXiv 1512.03385, table 1, as torchvision's `resnet50` has it: 161 tensors, 25,557,032 elements.
fn resnet50() -> Vec<Vec<usize>> {
    let mut shapes = Vec::new();
    let mut convolution = |out: usize, from: usize, size: usize| {
        shapes.push(vec![out, from, size, size]);
        // The scale and shift of a batch normalization.
        shapes.extend([vec![out], vec![out]]);
    };
    convolution(64, 3, 7);
    let mut from = 64;
    for (planes, blocks) in [(64, 3), (128, 4), (256, 6), (512, 3)] {
        for block in 0..blocks {
            convolution(planes, from, 1);
            convolution(planes, planes, 3);
            convolution(4 * planes, planes, 1);
            if block == 0 {
                convolution(4 * planes, from, 1);
            }
            from = 4 * planes;
        }
    }
    shapes.extend([vec![1000, 2048], vec![1000]]);
    shapes
}

/// Radford et al. 2019, as in transformers' `gpt2`: 148 tensors, 124,439,808 elements.
fn gpt2() -> Vec<Vec<usize>> {
    let mut shapes = vec![vec![50_257, 768], vec![1024, 768]];
    for _ in 0..12 {
        shapes.extend([vec![768], vec![768]]);
        shapes.extend([vec![768, 2304], vec![2304], vec![768, 768], vec![768]]);
        shapes.extend([vec![768], vec![768]]);
        shapes.extend([vec![768, 3072], vec![3072], vec![3072, 768], vec![768]]);
    }
    shapes.extend([vec![768], vec![768]]);
    shapes
}
