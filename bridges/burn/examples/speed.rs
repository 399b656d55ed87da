//! Time per step of burn's own AdamW and of the bridge, over many small tensors: what the host does, by what it does, and the rest.
//!
//! `cargo run --release --example speed`, with `--exclusive` for a buffer for each tensor, with `--gather` for values that are gathered first, with `--steps 20`, and with numbers of tensors.

use std::time::{Duration, Instant};

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::wgpu::MemoryConfiguration;
use burn::tensor::{Device, Distribution, Tensor};
use wgpu_optim_burn::wgpu_optim::AdamW;
use wgpu_optim_burn::wgpu_optim::adapter::{instance, request_all_features};
use wgpu_optim_burn::{BurnDevice, BurnOptimizer, HostTimes, gather};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Rows and columns of each tensor.
const WIDTH: usize = 16;

/// Steps before those that are timed.
const WARM: usize = 3;

#[derive(Module, Debug)]
struct Chain {
    layers: Vec<Linear>,
}

impl Chain {
    fn new(tensors: usize, device: &Device) -> Self {
        Chain { layers: (0..tensors).map(|_| LinearConfig::new(WIDTH, WIDTH).with_bias(false).init(device)).collect() }
    }

    fn gradients(&self, x: &Tensor<2>) -> GradientsParams {
        let y = self.layers.iter().fold(x.clone(), |x, layer| layer.forward(x));
        GradientsParams::from_grads(y.powi_scalar(2).mean().backward(), self)
    }
}

struct Plan {
    memory: MemoryConfiguration,
    gathers: bool,
    steps: usize,
    tensors: Vec<usize>,
}

fn plan() -> Outcome<Plan> {
    let mut plan = Plan { memory: MemoryConfiguration::default(), gathers: false, steps: 20, tensors: vec![] };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match &*argument {
            "--exclusive" => plan.memory = MemoryConfiguration::ExclusivePages,
            "--gather" => plan.gathers = true,
            "--steps" => plan.steps = arguments.next().ok_or("--steps needs a number")?.parse()?,
            tensors => plan.tensors.push(tensors.parse().map_err(|error| format!("{tensors}: {error}"))?),
        }
    }
    if plan.tensors.is_empty() {
        plan.tensors = vec![20, 100, 400];
    }
    Ok(plan)
}

fn main() -> Outcome<()> {
    let Plan { memory, gathers, steps, tensors } = plan()?;
    let gpu = pollster::block_on(async { request_all_features(&instance().await?).await })?;
    let pages = if matches!(memory, MemoryConfiguration::ExclusivePages) { "a buffer for each tensor" } else { "memory in pools" };
    let pages = if gathers { format!("{pages}, values gathered") } else { pages.to_owned() };
    println!("{}, fusion {}, {pages}, {WIDTH} x {WIDTH}, AdamW, medians of {steps} steps in ms", gpu.info.name, cfg!(feature = "fusion"));
    println!("tensors   burn   ours  times  of it: walk resolve  lend rebind record   rest  dispatches moved");
    let device = BurnDevice::on_gpu_with(&gpu, memory)?;
    for tensors in tensors {
        race(tensors, gathers, steps, &device)?;
    }
    Ok(())
}

/// One line: burn's step and ours, in turn, each on a model of its own, with nothing pending before and waited for after.
fn race(tensors: usize, gathers: bool, steps: usize, device: &BurnDevice) -> Outcome<()> {
    let autodiff = device.autodiff();
    let (mut theirs, mut own) = (Chain::new(tensors, &autodiff), Chain::new(tensors, &autodiff));
    if gathers {
        gather(&mut own)?;
    }
    let x = Tensor::random([8, WIDTH], Distribution::Default, &autodiff);
    let mut optimizer = AdamWConfig::new().init();
    let mut ours = BurnOptimizer::new(AdamW { lr: 1e-3, ..Default::default() }, &own, device)?;
    let (mut burn, mut bridge, mut hosts, mut moved) = (vec![], vec![], vec![], 0);
    for step in 0..WARM + steps {
        let grads = theirs.gradients(&x);
        autodiff.sync().map_err(|error| format!("{error:?}"))?;
        let begin = Instant::now();
        theirs = optimizer.step(1e-3, theirs, grads);
        autodiff.sync().map_err(|error| format!("{error:?}"))?;
        let burns = begin.elapsed();
        let grads = own.gradients(&x);
        autodiff.sync().map_err(|error| format!("{error:?}"))?;
        let begin = Instant::now();
        let handover = ours.step(&mut own, grads)?;
        autodiff.sync().map_err(|error| format!("{error:?}"))?;
        let bridges = begin.elapsed();
        if step >= WARM {
            burn.push(burns);
            bridge.push(bridges);
            hosts.push(handover.times);
            moved += handover.moved;
        }
    }
    let part = |of: fn(&HostTimes) -> Duration| median(hosts.iter().map(of));
    let (burn, bridge, host) = (median(burn), median(bridge), part(HostTimes::total));
    println!(
        "{tensors:7} {burn:6.2} {bridge:6.2} {:6.1}       {:6.2}  {:6.2} {:5.2} {:6.2} {:6.2} {:6.2}  {:10} {:5}",
        burn / bridge,
        part(|times| times.walk),
        part(|times| times.resolve),
        part(|times| times.lend),
        part(|times| times.rebind),
        part(|times| times.record),
        bridge - host,
        ours.dispatches(),
        moved / steps
    );
    Ok(())
}

/// The median in milliseconds: other programs on the machine disturb it less than a mean.
fn median(times: impl IntoIterator<Item = Duration>) -> f64 {
    let mut times: Vec<Duration> = times.into_iter().collect();
    times.sort();
    times.get(times.len() / 2).map_or(0.0, |time| time.as_secs_f64() * 1e3)
}
