//! What is refused, with both numbers, before anything is recorded.

use std::sync::Arc;

use libtest_mimic::Trial;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::schedule::Schedule;
use wgpu_optim::{
    Adam, AdaptiveClip, Asgd, Clip, DynamicScale, Ema, Error, Group, Lookahead, LossScale, LrScales, MicroBatches, NonFinite, NormClip,
    Optimizer, Options, Param, ScheduleFreeSgd, Sgd, Swa, Tensors,
};

use super::Row;
use crate::context::{Context, Outcome};

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let rows: [Row; 4] = [("options", options), ("groups", groups), ("scales", scales), ("calls", calls)];
    rows.into_iter().map(|(name, run)| contexts[1].trial(format!("features/refusals/{name}"), run)).collect()
}

fn refused(gpu: &Gpu, change: impl FnOnce(&mut Group, &mut Options)) -> Option<String> {
    let tensors = Tensors::new(&gpu.device, [("a", [4, 3])]).ok()?;
    let (mut group, mut options) = (Group::new(Adam::default(), tensors.params()), Options::default());
    change(&mut group, &mut options);
    Optimizer::with_options(&gpu.device, &gpu.queue, [group], options).err().map(|error| error.to_string())
}

fn expect(got: Option<String>, message: &str) {
    assert_eq!(got.as_deref(), Some(message));
}

fn options(gpu: &Gpu) -> Outcome {
    let of = |change: fn(&mut Options)| refused(gpu, |_, options| change(options));
    assert_eq!(of(|_| {}), None);
    let dynamic = |change: fn(&mut DynamicScale)| {
        let mut scale = DynamicScale::default();
        change(&mut scale);
        refused(gpu, |_, options| options.loss_scale = LossScale::Dynamic(scale))
    };
    expect(of(|options| options.loss_scale = LossScale::Static(0.0)), "the loss scale must be from 2^-64 to 2^64, got 0.0");
    expect(of(|options| options.loss_scale = LossScale::Static(f64::NAN)), "the loss scale must be from 2^-64 to 2^64, got NaN");
    expect(dynamic(|scale| scale.init = 1e40), "the loss scale must be from 2^-64 to 2^64, got 1e40");
    expect(dynamic(|scale| scale.growth = 0.5), "DynamicScale::growth must be at least 1, as f32 is, got 0.5");
    expect(dynamic(|scale| scale.backoff = 1.5), "DynamicScale::backoff must be in (0, 1], got 1.5");
    expect(dynamic(|scale| scale.interval = 0), "DynamicScale::interval must be at least 1, got 0.0");
    expect(
        of(|options| (options.loss_scale, options.non_finite) = (LossScale::Dynamic(DynamicScale::default()), NonFinite::Fail)),
        "LossScale::Dynamic looks for overflows and NonFinite::Fail fails at the first one; use NonFinite::Skip",
    );
    expect(of(|options| options.ema = Some(Ema { decay: 1.5, ..Ema::default() })), "Ema::decay must be in [0, 1], got 1.5");
    expect(of(|options| options.swa = Some(Swa { start: 0, every: 1 })), "the average's start must be at least 1, got 0.0");
    expect(of(|options| options.swa = Some(Swa { start: 1, every: 0 })), "the average's every must be at least 1, got 0.0");
    expect(of(|options| options.lookahead = Some(Lookahead { every: 3, alpha: 0.0 })), "Lookahead::alpha must be in (0, 1], got 0.0");
    Ok(())
}

fn groups(gpu: &Gpu) -> Outcome {
    let clipped = |clip: Clip| refused(gpu, |group, _| group.clip = Some(clip));
    let scheduled = |name: &str, schedule: Schedule| refused(gpu, |group, _| group.schedules.push((name.into(), schedule)));
    expect(clipped(Clip::Value(-0.5)), "group 0: the clip's limit must be 0 or above, as f32 is, got -0.5");
    expect(
        clipped(Clip::Norm(NormClip { max_norm: -1.0, ..NormClip::default() })),
        "group 0: max_norm must be 0 or above, as f32 is, got -1.0",
    );
    expect(
        clipped(Clip::Norm(NormClip { eps: f64::NAN, ..NormClip::default() })),
        "group 0: the clip's eps must be 0 or above, as f32 is, got NaN",
    );
    expect(
        clipped(Clip::Adaptive(AdaptiveClip { clipping: f64::INFINITY, ..AdaptiveClip::default() })),
        "group 0: clipping must be 0 or above, as f32 is, got inf",
    );
    let known = "there is no schedulable hyper-parameter \"eps\"; there are: lr, beta1, beta2, weight_decay";
    expect(scheduled("eps", Schedule::Constant(0.5)), known);
    expect(
        scheduled("lr", Schedule::Constant(-0.5)),
        "group 0: the schedule of lr: its values go from -0.5 to -0.5; Adam: lr must be in [0, inf), got -0.5",
    );
    let empty = scheduled("lr", Schedule::Sequence(Vec::new())).unwrap_or_default();
    assert!(empty.starts_with("group 0: the schedule of lr: "), "{empty}");
    expect(
        refused(gpu, |group, _| group.schedules = vec![("lr".into(), Schedule::Constant(0.1)), ("lr".into(), Schedule::Constant(0.2))]),
        "group 0 has two schedules for lr",
    );
    // Without a first momentum there is no state for it.
    let momentum = refused(gpu, |group, _| {
        group.rule = Sgd::default().into();
        group.schedules.push(("momentum".into(), Schedule::Constant(0.9)));
    });
    expect(
        momentum,
        "group 0: the schedule of momentum: Sgd keeps the state [] with the momentum that the rule itself has, and a schedule needs [b]; make the \
         optimizer with a rule whose momentum is the schedule's first value that is not 0",
    );
    expect(refused(gpu, |group, _| group.params[0].lr_scale = -1.0), "a: lr_scale must be 0 or above, and finite, got -1.0");
    expect(refused(gpu, |group, _| group.params[0].lr_scale = f64::NAN), "a: lr_scale must be 0 or above, and finite, got NaN");
    Ok(())
}

fn scales(gpu: &Gpu) -> Outcome {
    let own = Tensors::new(&gpu.device, [("scales", [4, 3])])?;
    let scaled = |binding: wgpu_optim::Binding, shape: &[usize]| {
        let shape = shape.to_vec();
        refused(gpu, move |group, _| group.params[0].lr_scales = Some(LrScales { binding, shape }))
    };
    let binding = || own.value("scales").cloned();
    assert_eq!(scaled(binding()?, &[4, 3]), None);
    let misfit = scaled(binding()?, &[3, 4]).unwrap_or_default();
    assert!(misfit.starts_with("a: scales of shape [3, 4] do not fit [4, 3]"), "{misfit}");
    expect(
        scaled(binding()?, &[4, 1]),
        "a: shape [4, 1] in f32 takes 16 bytes, the lr_scales binding has 48; if it is a prefix of the buffer, say Binding::prefix(buffer), else give the bytes that are its own",
    );
    let tensors = Tensors::new(&gpu.device, [("a", [4, 3]), ("b", [4, 3])])?;
    let borrowed = |from: &wgpu_optim::Binding, zero_grad| {
        let scales = LrScales { binding: from.clone(), shape: vec![4, 3] };
        let param = Param { lr_scales: Some(scales), ..tensors.params()[0].clone() };
        let options = Options { zero_grad, ..Options::default() };
        let made = Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(Adam::default(), [param])], options);
        made.err().map(|error| error.to_string())
    };
    expect(borrowed(tensors.value("b")?, false), "a: its lr_scales are in the buffer of a's value; WebGPU needs them in one of their own");
    assert_eq!(borrowed(tensors.gradient("b")?, false), None);
    expect(
        borrowed(tensors.gradient("b")?, true),
        "a: its lr_scales are in the buffer of a's gradient; WebGPU needs them in one of their own",
    );
    for rule in [
        Asgd::default().into(),
        wgpu_optim::MadGrad::default().into(),
        Box::<dyn wgpu_optim::rule::AnyRule>::from(ScheduleFreeSgd::default()),
    ] {
        let name = rule.name();
        let got = refused(gpu, |group, _| {
            group.rule = rule;
            group.params[0].lr_scales = own.value("scales").ok().map(|binding| LrScales { binding: binding.clone(), shape: vec![4, 3] });
        });
        assert!(got.is_some_and(|message| message.starts_with(&format!("a: {name} keeps values in its state"))));
    }
    Ok(())
}

fn calls(gpu: &Gpu) -> Outcome {
    let tensors = Tensors::new(&gpu.device, [("a", [4, 3])])?;
    let mut optimizer = Optimizer::new(&gpu.device, &gpu.queue, Sgd::default(), tensors.params())?;
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    let needs = Error::NotEnabled { what: "accumulate", needs: "Options::micro_batches" };
    assert_eq!(optimizer.accumulate(&mut encoder), Err(needs));
    let message = optimizer.swap(&mut encoder, "ema").map_err(|error| error.to_string());
    assert_eq!(message, Err("swap needs Options::ema, swa or lookahead, which the optimizer was made without".into()));
    let message = optimizer.state("a", "ema").map(drop).map_err(|error| error.to_string());
    assert_eq!(message, Err("there is no state \"ema\"; there are none".into()));
    let message = optimizer.set("biases", "lr", 0.1).map_err(|error| error.to_string());
    assert_eq!(message, Err("there is no group \"biases\"; no group has a name".into()));
    assert!(optimizer.set_schedule(1, "lr", None).is_err());
    assert!(optimizer.set_schedule(0, "dampening", Some(Schedule::Constant(0.1))).is_err());
    assert!(optimizer.set_loss_scale(f64::INFINITY).is_err());
    // Gradients without COPY_DST cannot be cleared by themselves.
    let usage = wgpu::BufferUsages::STORAGE;
    let buffer = gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size: 48, usage, mapped_at_creation: false });
    optimizer.set_gradients([("a", &buffer)])?;
    let message = optimizer.zero_grad(&mut encoder).map_err(|error| error.to_string());
    assert_eq!(message, Err("a: the gradient buffer has usage BufferUsages(STORAGE), it needs BufferUsages(COPY_DST) too".into()));
    // What two parameters share may not be cleared by one of them.
    let shared = |name| Ok::<_, Error>(Param { name: String::from(name), ..tensors.param("a")?.clone() });
    let own = Tensors::new(&gpu.device, [("b", [4, 3])])?;
    let tied = [shared("a")?, Param { value: own.value("b")?.clone(), ..shared("b")? }];
    for zero_grad in [false, true] {
        let options = Options { zero_grad, micro_batches: MicroBatches::Sum, ..Options::default() };
        let made = Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(Sgd::default(), tied.clone())], options);
        assert_eq!(made.is_err(), zero_grad);
    }
    Ok(())
}
