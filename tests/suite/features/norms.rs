//! The norm of gradients: how near it is to the exact one, and that it is the same each time.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::testing::{Random, must_fail};
use wgpu_optim::{Clip, Group, NormClip, Optimizer, Options, Sgd, Tensors};

use crate::context::{Context, Outcome};

/// A name, and how each element is drawn.
type Fill = (&'static str, fn(&mut Random) -> f32);

const TOLERANCE: f64 = 1e-6;

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    let fills: [Fill; 9] = [
        ("normal", |random| random.normal() as f32),
        // The same roundings everywhere, so that their errors do not cancel.
        ("constant", |_| 0.7),
        ("tiny", |random| (1e-20 * random.normal()) as f32),
        ("tiniest", |random| (1e-25 * random.uniform() + 1e-25) as f32),
        ("huge", |random| (1e19 * random.normal()) as f32),
        ("hugest", |random| (1e34 * random.uniform()) as f32),
        ("all-magnitudes", |random| random.normal() as f32 * 10.0_f32.powi((random.bits() % 40) as i32 - 20)),
        ("around-the-threshold", |random| (1.3e8 * (1.0 + random.normal())) as f32),
        ("zero", |_| 0.0),
    ];
    // Workgroups of a software adapter's kernels have another size than all others.
    for context in &contexts[..2] {
        for (name, fill) in fills {
            trials.push(context.trial(format!("features/norms/{name}"), move |gpu| is_near(gpu, fill, &[1, 5, 4097, 1_000_003])));
        }
        // As many sums to add up as a hundred million elements have, in 6 MB.
        let sums = move |gpu: &Gpu| is_near(gpu, |random| 2.0 * random.uniform() as f32 - 0.9, &[37; 24_415]);
        trials.push(context.trial("features/norms/sums-of-a-hundred-million".into(), sums));
    }
    trials.push(contexts[2].trial("features/norms/by-many-windows".into(), move |gpu| {
        is_near(gpu, |random| random.normal() as f32, &[1, 5, 4097, 1_000_003])
    }));
    trials
}

/// What is read back is within 1e-6 of the norm in f64, and, bit for bit, the same a second time.
fn is_near(gpu: &Gpu, fill: fn(&mut Random) -> f32, lens: &[usize]) -> Outcome {
    let tensors = Tensors::new(&gpu.device, lens.iter().enumerate().map(|(index, &len)| (index.to_string(), [len])))?;
    let clip = Clip::Norm(NormClip { max_norm: f64::INFINITY, ..NormClip::default() });
    let groups = [Group::new(Sgd::default(), tensors.params())];
    let optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, groups, Options { clip, ..Options::default() })?;
    let mut random = Random(5);
    let (mut squares, mut largest) = (0.0, 0.0_f32);
    for (index, &len) in lens.iter().enumerate() {
        let gradient: Vec<f32> = (0..len).map(|_| fill(&mut random)).collect();
        // Thousands at a time, so that f64 has nothing to lose either.
        squares += gradient.chunks(4096).map(|chunk| chunk.iter().map(|&g| f64::from(g) * f64::from(g)).sum::<f64>()).sum::<f64>();
        largest = gradient.iter().fold(largest, |largest, g| largest.max(g.abs()));
        tensors.write_gradient(&gpu.queue, &index.to_string(), &gradient)?;
    }
    let norm = || -> Result<(f32, f32), Failed> {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        optimizer.step(&mut encoder);
        gpu.queue.submit([encoder.finish()]);
        let report = block_on(optimizer.report())?;
        Ok((report.gradient_norm.ok_or("no norm")?, report.largest_gradient.ok_or("no magnitude")?))
    };
    let (got, got_largest) = norm()?;
    let truth = squares.sqrt().min(f64::from(f32::MAX));
    let within =
        |truth: f64| if (f64::from(got) - truth).abs() <= TOLERANCE * truth { Ok(()) } else { Err(format!("{got:e}, expected {truth:e}")) };
    eprintln!("{}: {:.1e} from the norm of {} elements", gpu.info.name, f64::from(got) / truth - 1.0, lens.iter().sum::<usize>());
    within(truth)?;
    if truth > 0.0 {
        must_fail("a norm that is off", within(truth * (1.0 + 2.1e-6)))?;
    }
    assert_eq!((got_largest.to_bits(), norm()?.0.to_bits()), (largest.to_bits(), got.to_bits()));
    Ok(())
}
