//! Matrices whose rows and columns several invocations and workgroups add up, and which take several sets where bindings are small.

use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::CpuParam;
use wgpu_optim::testing::{STYLES, Scene};
use wgpu_optim::{Adafactor, Group, Options};

use crate::context::Outcome;

/// A slice in one part, in a few and in many; bands enough to share columns, and tiles enough to share rows; between others, whose tiles lie beside.
const SHAPES: [&[usize]; 8] = [&[6, 5], &[33, 8], &[250, 290], &[3, 4], &[2500, 7], &[9, 2700], &[2, 1100, 20], &[5, 6]];

/// A matrix whose tiles are gone through in two bands where tiles have four at most: it has as many elements as that takes.
pub(super) fn tall_tiles(gpu: &Gpu) -> Outcome {
    let groups = vec![Group::new(Adafactor::default(), [CpuParam::new("w", &[2402, 2048])])];
    let mut scene = Scene::with_options(gpu, groups, Options::default(), STYLES[0], 3)?;
    for _ in 0..2 {
        scene.step(|_| true)?;
        scene.check()?;
    }
    Ok(())
}

/// As on the CPU.
pub(super) fn many_tiles(gpu: &Gpu) -> Outcome {
    let params = |numbers: &[usize]| numbers.iter().map(|&at| CpuParam::new(format!("p{at}"), SHAPES[at])).collect::<Vec<_>>();
    let rule = Adafactor { eps1: 1e-3, ..Adafactor::default() };
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [4, 5, 6, 7]] {
        let (some, others) = order.split_at(2);
        let groups = vec![Group::new(rule, params(some)), Group::new(rule, params(others))];
        let mut scene = Scene::with_options(gpu, groups, Options::default(), STYLES[0], 3)?;
        for _ in 0..2 {
            scene.step(|_| true)?;
            scene.check()?;
        }
    }
    Ok(())
}
