//! Reports that are asked for while training goes on.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use pollster::block_on;
use wgpu_optim::adapter::{DeviceLimits, Gpu};
use wgpu_optim::schedule::Schedule;
use wgpu_optim::{Adam, Error, Group, LossScale, MadGrad, NonFinite, Optimizer, Options, PendingReport, Sgd, Tensors, rules};

use super::Row;
use crate::context::{Context, Outcome, another};

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let rows: [Row; 5] = [
        ("of-the-step-before-them", of_the_step_before),
        ("without-waiting", without_waiting),
        ("learning-rates", learning_rates),
        ("norms-are-of-the-last-step-taken", norms),
        ("the-scale-is-bound", the_scale_is_bound),
    ];
    rows.into_iter().map(|(name, run)| contexts[1].trial(format!("features/reports/{name}"), run)).collect()
}

fn model(gpu: &Gpu, options: Options) -> Result<(Tensors, Optimizer), Failed> {
    let tensors = Tensors::new(&gpu.device, [("x", [300])])?;
    tensors.write_value(&gpu.queue, "x", &[1.0; 300])?;
    tensors.write_gradient(&gpu.queue, "x", &[0.5; 300])?;
    let schedule = Schedule::Linear { from: 1.0, to: 0.0, steps: 100 };
    let mut group = Group::new(Sgd::default(), tensors.params());
    group.schedules.push(("lr".into(), schedule));
    let optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, [group], options)?;
    Ok((tensors, optimizer))
}

fn step(gpu: &Gpu, optimizer: &Optimizer) {
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    optimizer.step(&mut encoder);
    gpu.queue.submit([encoder.finish()]);
}

/// Norms of parameters and groups: none before a step, after one that was skipped, and after all was planned anew.
fn norms(gpu: &Gpu) -> Outcome {
    let options = Options { non_finite: NonFinite::Skip, loss_scale: LossScale::Static(4.0), ..Options::default() };
    let (tensors, mut optimizer) = model(gpu, options)?;
    let report = |optimizer: &Optimizer| block_on(optimizer.report());
    assert_eq!((report(&optimizer)?.group_norms, report(&optimizer)?.norm_of("x")), (None, None));
    step(gpu, &optimizer);
    let norm = 0.125 * 300.0_f32.sqrt();
    let (first, is_near) = (report(&optimizer)?, |norms: &[f32]| norms.iter().all(|own| (own / norm - 1.0).abs() < 1e-6));
    assert!(is_near(&[first.norm_of("x").ok_or("none")?, first.gradient_norm.ok_or("none")?]), "{first:?}");
    assert!(is_near(first.group_norms.as_ref().ok_or("none")?) && first.norm_of("y").is_none(), "{first:?}");
    tensors.write_gradient(&gpu.queue, "x", &[f32::NAN; 300])?;
    step(gpu, &optimizer);
    let skipped = report(&optimizer)?;
    assert_eq!((skipped.skipped, skipped.group_norms.as_ref(), skipped.norm_of("x")), (true, None, None));
    tensors.write_gradient(&gpu.queue, "x", &[0.5; 300])?;
    step(gpu, &optimizer);
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    let other = Tensors::new(&gpu.device, [("y", [8])])?;
    optimizer.add_group(&mut encoder, Group::new(Sgd::default(), other.params()))?;
    gpu.queue.submit([encoder.finish()]);
    let replanned = report(&optimizer)?;
    assert_eq!((replanned.group_norms, replanned.gradient_norm.is_some()), (None, true));
    step(gpu, &optimizer);
    let both = report(&optimizer)?;
    assert_eq!(both.group_norms.ok_or("none")?.len(), 2);
    Ok(())
}

/// A report is of the moment when it was asked for, whenever it is awaited, and however many there are.
fn of_the_step_before(gpu: &Gpu) -> Outcome {
    let (_tensors, optimizer) = model(gpu, Options { measure_update: true, ..Options::default() })?;
    let reports: Vec<PendingReport> = (0..10)
        .map(|_| {
            step(gpu, &optimizer);
            optimizer.report()
        })
        .collect();
    let mut x = 1.0_f64;
    for (number, report) in reports.into_iter().enumerate() {
        let report = block_on(report)?;
        let lr = 1.0 - number as f64 / 100.0;
        assert_eq!(report.step as usize, number + 1);
        assert!((f64::from(report.lr[0].ok_or("no rate")?) - lr).abs() < 1e-6, "{:?} in step {number}", report.lr);
        let (ratio, expected) = (f64::from(report.update_ratio.ok_or("no ratio")?), (0.5 * lr / x).abs());
        assert!((ratio / expected - 1.0).abs() < 1e-4, "{ratio}, expected {expected}");
        x -= 0.5 * lr;
    }
    Ok(())
}

/// It is there as soon as the queue is done, without anybody waiting for it; and once it came, it is gone. On a device of its own, where no other row
/// polls and takes its arrival along.
fn without_waiting(_: &Gpu) -> Outcome {
    let gpu = another(DeviceLimits::Limited(Box::default()))?;
    let (_tensors, optimizer) = model(&gpu, Options::default())?;
    let mut report = optimizer.report();
    gpu.device.poll(wgpu::PollType::wait_indefinitely())?;
    let arrived = report.try_get().ok_or("it did not come")??;
    assert_eq!((arrived.step, arrived.gradient_norm, arrived.update_ratio), (0, None, None));
    let again = Error::ReportGiven;
    assert_eq!(again.to_string(), "this report was given before; each is given once, Optimizer::report makes another");
    assert_eq!(report.try_get(), Some(Err(again.clone())));
    assert_eq!(block_on(report), Err(again));
    Ok(())
}

/// Every rule's rate is what was set, whatever its kernel reads.
fn learning_rates(gpu: &Gpu) -> Outcome {
    for rule in rules::all() {
        let tensors = Tensors::new(&gpu.device, [("x", [4])])?;
        let mut set = rule.clone();
        set.set("lr", 0.0625);
        let groups = [Group::new(set, tensors.params())];
        let optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, groups, Options::default())?;
        step(gpu, &optimizer);
        let lr = block_on(optimizer.report())?.lr[0].ok_or("no rate")?;
        assert!((lr - 0.0625).abs() < 1e-8, "{}: {lr}", rule.name());
    }
    let (a, b) = (Tensors::new(&gpu.device, [("a", [4])])?, Tensors::new(&gpu.device, [("b", [4])])?);
    let groups =
        [Group::new(Adam { lr: 0.5, ..Adam::default() }, a.params()), Group::new(MadGrad { lr: 0.25, ..MadGrad::default() }, b.params())];
    let mut optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, groups, Options::default())?;
    step(gpu, &optimizer);
    let rates = |optimizer: &Optimizer| block_on(optimizer.report()).map(|report| report.lr);
    assert_eq!(rates(&optimizer)?, [Some(0.5), Some(0.25)]);
    optimizer.set_lr_of_all(0.125)?;
    step(gpu, &optimizer);
    assert_eq!(rates(&optimizer)?, [Some(0.125), Some(0.125)]);
    Ok(())
}

/// The scale is in a buffer that a kernel of the caller's can bind, before any step and after a change.
fn the_scale_is_bound(gpu: &Gpu) -> Outcome {
    use wgpu::util::DeviceExt;
    let (_tensors, optimizer) = model(gpu, Options { loss_scale: LossScale::Static(4096.0), ..Options::default() })?;
    let source = "@group(0) @binding(0) var<storage, read> scale: f32; @group(0) @binding(1) var<storage, read_write> loss: f32;
        @compute @workgroup_size(1) fn main() { loss = loss * scale; }";
    let module =
        gpu.device.create_shader_module(wgpu::ShaderModuleDescriptor { label: None, source: wgpu::ShaderSource::Wgsl(source.into()) });
    let descriptor = wgpu::ComputePipelineDescriptor {
        label: None,
        layout: None,
        module: &module,
        entry_point: Some("main"),
        compilation_options: Default::default(),
        cache: None,
    };
    let pipeline = gpu.device.create_compute_pipeline(&descriptor);
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
    let init = wgpu::util::BufferInitDescriptor { label: None, contents: &1.5_f32.to_le_bytes(), usage };
    let loss = gpu.device.create_buffer_init(&init);
    let scale = optimizer.loss_scale();
    let entries = [(0, scale.resource()), (1, loss.as_entire_binding())];
    let entries = entries.map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource });
    let layout = pipeline.get_bind_group_layout(0);
    let group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout: &layout, entries: &entries });
    for (set, expected) in [(None, 1.5 * 4096.0), (Some(2.0), 1.5 * 4096.0 * 2.0)] {
        if let Some(set) = set {
            optimizer.set_loss_scale(set)?;
        }
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&pipeline);
        pass.set_bind_group(0, &group, &[]);
        pass.dispatch_workgroups(1, 1, 1);
        optimizer.step_in(&mut pass);
        drop(pass);
        gpu.queue.submit([encoder.finish()]);
        assert_eq!(read(gpu, &loss)?, expected);
    }
    Ok(())
}

fn read(gpu: &Gpu, buffer: &wgpu::Buffer) -> Result<f32, Failed> {
    // An optimizer over the buffer is one way to read it back.
    let gradient = Tensors::new(&gpu.device, [("loss", [1])])?;
    let param = wgpu_optim::Param::new("loss", &[1], buffer, gradient.gradient("loss")?.clone());
    let reader = Optimizer::new(&gpu.device, &gpu.queue, Sgd::default(), [param])?;
    Ok(block_on(reader.read_value("loss"))?[0])
}
