//! The kernels' gradients by all five parameters, on a device with no more than WebGPU's default limits.

use wgpu_optim::adapter::Gpu;

use crate::gpu;
use crate::kernel::{Kernel, buffer, read};
use crate::random::Random;
use crate::raster::Raster;
use crate::reference::{Picture, Uncertain, Values, differentiate, loss};
use crate::splats::{KINDS, Splats};

/// Three tiles by two.
const SIZE: [usize; 2] = [24, 16];
/// More than a word of marks.
const COUNT: usize = 40;
const STEP: f64 = 1e-5;
/// Some 1e4 roundings by 2^-53 of a loss below 1, over twice the step, are about 5e-10 if they add as squares; the cubic term of the difference,
/// 1e-10 / 6 of a third derivative that is below 1, is less. Measured: 1.4e-11.
const DIFFERENCE: f64 = 5e-10;

const TURN: &str = "
@group(0) @binding(0) var<storage, read> angles: array<f32>;
@group(0) @binding(1) var<storage, read_write> turned: array<vec2f>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    if id.x < arrayLength(&angles) {
        turned[id.x] = vec2f(sin(angles[id.x]), cos(angles[id.x]));
    }
}";

/// Splats of all sizes, within the picture, across its edges and outside, and a picture of noise.
fn scene() -> ([Vec<f32>; 5], Vec<[f32; 3]>) {
    let mut random = Random::new(3, 1);
    let mut between = |low: f32, high: f32| low + (high - low) * (0.5 + 0.5 * random.signed());
    let mut splats: [Vec<f32>; 5] = Default::default();
    for _ in 0..COUNT {
        splats[0].extend([between(-6.0, 30.0), between(-6.0, 22.0)]);
        splats[1].extend([between(-0.7, 1.6), between(-0.7, 1.6)]);
        splats[2].push(between(-3.0, 3.0));
        splats[3].extend([between(-0.2, 1.2), between(-0.2, 1.2), between(-0.2, 1.2)]);
        splats[4].push(between(-3.0, 4.0));
    }
    let goal = (0..SIZE[0] * SIZE[1]).map(|_| [between(0.0, 1.0), between(0.0, 1.0), between(0.0, 1.0)]).collect();
    (splats, goal)
}

/// What the kernels make of it: the gradients and the loss.
fn on_gpu(gpu: &Gpu, values: &[Vec<f32>; 5], goal: &[[f32; 3]]) -> ([Vec<f32>; 5], f32) {
    let Gpu { device, queue, .. } = gpu;
    let (raster, splats) = (Raster::new(device, queue, goal, SIZE).unwrap(), Splats::new(device));
    splats.write(queue, values);
    for gradient in &splats.gradients {
        queue.write_buffer(gradient, 0, bytemuck::cast_slice(&vec![f32::NAN; gradient.size() as usize / 4]));
    }
    raster.set_count(queue, COUNT);
    let bound = raster.bind(device, &splats);
    let mut encoder = device.create_command_encoder(&Default::default());
    raster.clear(&mut encoder);
    raster.differentiate(&mut encoder.begin_compute_pass(&Default::default()), &bound, COUNT);
    queue.submit([encoder.finish()]);
    let buffers: Vec<_> = splats.gradients.iter().chain([&raster.log]).collect();
    let words = read(device, queue, &buffers).unwrap();
    let floats = |param: usize| words[param].iter().copied().map(f32::from_bits).collect::<Vec<_>>();
    let gradients = [0, 1, 2, 3, 4].map(|param| {
        let (own, rest) = (floats(param), KINDS[param].width * COUNT);
        assert!(own[rest..].iter().all(|value| value.is_nan()), "{}: gradients of splats that are not there", KINDS[param].name);
        own[..rest].to_vec()
    });
    assert_eq!(words[5][0], 1, "steps in the log");
    (gradients, f32::from_bits(words[5][1]))
}

/// The adapter's sines and cosines of these angles.
fn turns_of(Gpu { device, queue, .. }: &Gpu, angles: &[f32]) -> Vec<[f64; 2]> {
    let [from, to] = [buffer(device, "angles", angles.len()), buffer(device, "turned", 2 * angles.len())];
    queue.write_buffer(&from, 0, bytemuck::cast_slice(angles));
    let turn = Kernel::new(device, "turn", &[TURN], &[]).bind(device, &[&from, &to]);
    let mut encoder = device.create_command_encoder(&Default::default());
    turn.record(&mut encoder.begin_compute_pass(&Default::default()), [angles.len().div_ceil(64) as u32, 1]);
    queue.submit([encoder.finish()]);
    let got: Vec<f64> = read(device, queue, &[&to]).unwrap().concat().into_iter().map(|word| f32::from_bits(word).into()).collect();
    let turns: Vec<[f64; 2]> = got.chunks_exact(2).map(|turn| [turn[0], turn[1]]).collect();
    for (turn, want) in turns.iter().flatten().zip(exact_turns(angles.iter().copied().map(f64::from)).iter().flatten()) {
        assert!((turn - want).abs() <= 1.0 / 2048.0, "a sine or cosine of {turn} instead of {want}: WGSL allows 2^-11");
    }
    turns
}

fn exact_turns(angles: impl IntoIterator<Item = f64>) -> Vec<[f64; 2]> {
    angles.into_iter().map(|angle| angle.sin_cos().into()).collect()
}

fn exact(values: &[Vec<f32>; 5], goal: &[[f32; 3]]) -> (Values, Picture) {
    let values = values.each_ref().map(|values| values.iter().copied().map(f64::from).collect());
    (values, Picture { size: SIZE, pixels: goal.iter().map(|pixel| pixel.map(f64::from)).collect() })
}

/// Central differences of the loss.
fn differences(values: &Values, goal: &Picture) -> [Vec<f64>; 5] {
    let mut values = values.clone();
    let mut by = |param: usize, at: usize| {
        let original = values[param][at];
        let mut shifted = |step: f64| {
            values[param][at] = original + step;
            loss(&values, goal)
        };
        let difference = (shifted(STEP) - shifted(-STEP)) / (2.0 * STEP);
        values[param][at] = original;
        difference
    };
    [0, 1, 2, 3, 4].map(|param| (0..KINDS[param].width * COUNT).map(|at| by(param, at)).collect())
}

/// How far an element may be off: by roundings, and by what sines and cosines that are not exact make of it.
fn tolerance(want: f64, uncertain: Uncertain) -> f64 {
    uncertain.tolerance() + (uncertain.value - want).abs() + DIFFERENCE
}

/// Fails on NaN and on the first element beyond its tolerance.
fn check(name: &str, got: &[f32], want: &[f64], tolerances: &[Uncertain]) -> Result<(), String> {
    if got.len() != want.len() {
        return Err(format!("{name}: {} elements instead of {}", got.len(), want.len()));
    }
    for (index, ((&got, want), uncertain)) in got.iter().zip(want).zip(tolerances).enumerate() {
        let tolerance = tolerance(*want, *uncertain);
        let within = (f64::from(got) - want).abs() <= tolerance;
        if !within {
            return Err(format!("{name}[{index}]: {got:e} instead of {want:e}, give or take {tolerance:e}"));
        }
    }
    Ok(())
}

#[test]
fn gradients_are_central_differences() {
    let Some(gpu) = gpu("gradients_are_central_differences") else { return };
    let (splats, pixels) = scene();
    let (values, goal) = exact(&splats, &pixels);
    let (wanted, (uncertain_loss, uncertain)) = (differences(&values, &goal), differentiate(&values, &goal, &turns_of(&gpu, &splats[2])));
    let (got, mean) = on_gpu(&gpu, &splats, &pixels);
    for (param, kind) in KINDS.iter().enumerate() {
        check(kind.name, &got[param], &wanted[param], &uncertain[param]).unwrap();
        // Most of them are well above what they may be off.
        let meant = wanted[param].iter().zip(&uncertain[param]).filter(|(want, may)| want.abs() > 20.0 * tolerance(**want, **may));
        assert!(2 * meant.count() > wanted[param].len(), "{}: the tolerances are as large as the gradients", kind.name);
    }
    let want = loss(&values, &goal);
    let tolerance = tolerance(want, uncertain_loss);
    assert!((f64::from(mean) - want).abs() <= tolerance, "loss {mean} instead of {want}, give or take {tolerance:e}");
    assert_eq!(on_gpu(&gpu, &splats, &pixels), (got, mean), "the same again gives other bits");
}

#[test]
fn the_tolerances_are_of_the_same_gradients() {
    let (splats, pixels) = scene();
    let (values, goal) = exact(&splats, &pixels);
    let (wanted, (_, uncertain)) = (differences(&values, &goal), differentiate(&values, &goal, &exact_turns(values[2].clone())));
    for (param, kind) in KINDS.iter().enumerate() {
        for (at, (want, got)) in wanted[param].iter().zip(&uncertain[param]).enumerate() {
            assert!((got.value - want).abs() <= DIFFERENCE, "{}[{at}]: {:e} and {want:e}", kind.name, got.value);
        }
    }
}

#[test]
fn the_checker_fails_where_it_must() {
    let (splats, pixels) = scene();
    let (values, goal) = exact(&splats, &pixels);
    let (wanted, (_, uncertain)) = (differences(&values, &goal), differentiate(&values, &goal, &exact_turns(values[2].clone())));
    for param in 0..KINDS.len() {
        let right: Vec<f32> = wanted[param].iter().map(|&value| value as f32).collect();
        let changed = |change: &dyn Fn(&mut Vec<f32>)| {
            let mut wrong = right.clone();
            change(&mut wrong);
            check("changed", &wrong, &wanted[param], &uncertain[param])
        };
        assert_eq!(changed(&|_| ()), Ok(()));
        assert!(changed(&|wrong| wrong[3] = f32::NAN).is_err());
        assert!(changed(&|wrong| wrong.iter_mut().for_each(|value| *value = 0.0)).is_err());
        assert!(changed(&|wrong| wrong.iter_mut().for_each(|value| *value *= 1.01)).is_err());
        assert!(changed(&|wrong| wrong.truncate(3)).is_err());
    }
}
