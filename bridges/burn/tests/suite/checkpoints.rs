//! Checkpoints by burn's paths: the step after one is the step that would have come.

use wgpu_optim_burn::BurnOptimizer;
use wgpu_optim_burn::wgpu_optim::{AdamW, Checkpoint};

use crate::models::{Mlp, Trained};
use crate::support::{POOLED, fresh, values};

#[test]
fn run_goes_on_from_a_checkpoint_bit_for_bit() {
    let device = POOLED.autodiff();
    let rule = AdamW { lr: 0.02, ..Default::default() };
    let mut model = fresh(&Mlp::new(&device));
    let mut optimizer = BurnOptimizer::new(rule, &model, &POOLED).unwrap();
    let step = |optimizer: &mut BurnOptimizer, model: &mut Mlp, seed: u64| {
        let grads = model.gradients(8, seed, &device);
        optimizer.step(model, grads).unwrap();
    };
    (0..3).for_each(|seed| step(&mut optimizer, &mut model, seed));
    let file = std::env::temp_dir().join(format!("wgpu-optim-burn-{}.safetensors", std::process::id()));
    let checkpoint = pollster::block_on(optimizer.checkpoint(&model)).unwrap();
    assert!(checkpoint.names().any(|name| name == "layers.2.bias"));
    checkpoint.save(&file).unwrap();

    // Another model, with ids and values of its own, and a clone of it.
    let mut other = Mlp::new(&device);
    let clone = other.clone();
    let before = values(&clone);
    let mut resumed = BurnOptimizer::new(rule, &other, &POOLED).unwrap();
    let checkpoint = Checkpoint::load(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    resumed.restore(&mut other, &checkpoint, Default::default()).unwrap();
    assert_eq!(values(&other), values(&model));
    assert_eq!(values(&clone), before);
    for seed in 3..6 {
        step(&mut optimizer, &mut model, seed);
        step(&mut resumed, &mut other, seed);
        assert_eq!(values(&other), values(&model), "step {seed}");
    }
}
