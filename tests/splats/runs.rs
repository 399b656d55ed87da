//! Runs on a small picture: what is pruned and cloned, and a run that stops and goes on.

use wgpu_optim::adapter::Gpu;

use crate::fit::{BLOCK, Fit, Goal};
use crate::{gpu, saved, scene, splats};

const SIZE: [usize; 2] = [48, 32];
const COUNT: usize = 40;
const SEED: u64 = 1;

fn start<'a>(gpu: &'a Gpu, goal: &'a Goal) -> Fit<'a> {
    let fit = Fit::new(gpu, goal, COUNT).unwrap();
    fit.write(&splats::random(COUNT, SIZE, SEED));
    fit
}

fn run(fit: &mut Fit<'_>, blocks: usize) {
    for _ in 0..blocks {
        fit.block(|_| ()).unwrap();
        fit.change_density().unwrap();
    }
}

#[test]
fn a_resumed_run_is_the_same_run() {
    let Some(gpu) = gpu("a_resumed_run_is_the_same_run") else { return };
    let goal = Goal { size: SIZE, pixels: scene::paint(SIZE) };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.safetensors");
    let mut through = start(&gpu, &goal);
    let before = through.psnr(&through.image(false).unwrap());
    run(&mut through, 2);
    saved::save(&path, &through, SEED).unwrap();
    let at_the_stop = through.count();
    run(&mut through, 2);
    assert!(saved::load(&path, &gpu, &goal, SEED + 1).err().unwrap().to_string().contains("--seed 1, this one 2"));
    let mut resumed = saved::load(&path, &gpu, &goal, SEED).unwrap();
    assert_eq!((resumed.count(), resumed.log.losses.len()), (at_the_stop, 2 * BLOCK));
    run(&mut resumed, 2);
    assert_eq!(resumed.values().unwrap(), through.values().unwrap());
    assert_eq!(resumed.image(true).unwrap(), through.image(true).unwrap());
    assert_eq!(
        (&resumed.log.losses, &resumed.log.counts, &resumed.log.changes),
        (&through.log.losses, &through.log.counts, &through.log.changes)
    );
    let after = through.psnr(&through.image(false).unwrap());
    assert!(through.count() > COUNT && after > before + 10.0, "{} splats, {before} and {after} dB", through.count());
}

/// What is faint goes, and what is pulled becomes two: both at once, and every number is accounted for.
#[test]
fn splats_go_and_come() {
    let Some(gpu) = gpu("splats_go_and_come") else { return };
    let goal = Goal { size: SIZE, pixels: scene::paint(SIZE) };
    let fit = Fit::new(&gpu, &goal, COUNT).unwrap();
    let mut values = splats::random(COUNT, SIZE, SEED);
    // Too faint to come back within a block of steps, as Adam moves a logit by 0.04 a step at most.
    values[4][..10].fill(-12.0);
    fit.write(&values);
    let mut fit = fit;
    run(&mut fit, 1);
    let [gone, cloned] = fit.log.changes[0];
    assert!(gone >= 10 && cloned > 0, "{gone} and {cloned}");
    assert_eq!(fit.count(), COUNT - gone as usize + cloned as usize);
    assert!(fit.values().unwrap().iter().zip(splats::KINDS).all(|(values, kind)| values.len() == kind.width * fit.count()));
    let [_, scales, _, _, opacities] = &fit.values().unwrap()[..] else { panic!("five parameters") };
    assert!(scales.iter().chain(opacities).all(|value| value.is_finite()));
}
