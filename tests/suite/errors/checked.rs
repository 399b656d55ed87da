//! What is made and changed in `checked` says what the same call says, natively and where wgpu answers late, as in a browser.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::batches::{Batches, Column, Dtype, Sampler};
use wgpu_optim::testing::as_in_a_browser;
use wgpu_optim::{Adam, BufferRole, Error, Group, NonFinite, Optimizer, Options, Param, Sgd, Tensors, checked};

use super::messages::ROWS;
use super::{another_device, buffer, names, optimizer, param, takes_a_step};
use crate::context::Outcome;

/// What this crate's own checks find is the same error, whoever waits for the device.
pub(super) fn own_checks(gpu: &Gpu) -> Outcome {
    for (name, run, expected) in ROWS {
        let make = || block_on(checked(&gpu.device, || run(gpu))).map_err(|error| error.to_string());
        for made in [make(), as_in_a_browser(make)] {
            if made != Err(expected.to_owned()) {
                return Err(format!("{name}: expected\n  {expected}\ngot\n  {made:?}").into());
            }
        }
    }
    Ok(())
}

/// A device that counts what reaches its own handler.
fn heard() -> Result<(Gpu, Arc<AtomicUsize>), libtest_mimic::Failed> {
    let (gpu, count) = (another_device()?, Arc::new(AtomicUsize::new(0)));
    let counted = count.clone();
    gpu.device.on_uncaptured_error(Arc::new(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
    }));
    Ok((gpu, count))
}

type Make = fn(&Gpu) -> Result<(), Error>;

fn destroyed(gpu: &Gpu, size: u64) -> wgpu::Buffer {
    let buffer = buffer(gpu, size);
    buffer.destroy();
    buffer
}

/// Each thing that only the device finds, and whose buffer it is.
const MADE: [(&str, Make, &str, BufferRole); 4] = [
    (
        "a destroyed value",
        |gpu| optimizer(gpu, vec![param(gpu, "v", &[4]), Param { value: destroyed(gpu, 16).into(), ..param(gpu, "w", &[4]) }]),
        "w",
        BufferRole::Value,
    ),
    (
        "a destroyed gradient",
        |gpu| optimizer(gpu, vec![Param { gradient: destroyed(gpu, 16).into(), ..param(gpu, "w", &[4]) }, param(gpu, "v", &[4])]),
        "w",
        BufferRole::Gradient,
    ),
    (
        "a gradient that is measured",
        |gpu| {
            let measured = Param { gradient: destroyed(gpu, 16).into(), ..param(gpu, "w", &[4]) };
            let options = Options { non_finite: NonFinite::Skip, ..Options::default() };
            Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(Adam::default(), [measured])], options).map(drop)
        },
        "w",
        BufferRole::Gradient,
    ),
    (
        "a destroyed column",
        |gpu| {
            let sampler = Sampler { rows: 8, batch_size: 4, ..Sampler::default() };
            let column = Column::new("labels", 1, Dtype::U32, destroyed(gpu, 32), buffer(gpu, 16));
            Batches::new(&gpu.device, &gpu.queue, sampler, [column]).map(drop)
        },
        "labels",
        BufferRole::Source,
    ),
];

pub(super) fn device_finds(_: &Gpu) -> Outcome {
    let (gpu, count) = heard()?;
    for (name, make, param, role) in MADE {
        let make_checked = || block_on(checked(&gpu.device, || make(&gpu)));
        for made in [make(&gpu), make_checked(), as_in_a_browser(make_checked)] {
            names(made, param, role, "has been destroyed").map_err(|failed| format!("{name}: {failed:?}"))?;
        }
        assert_eq!(count.load(Ordering::Relaxed), 0, "{name}: an error that was returned reached the handler");
        // Whoever does not wait hears it there.
        let _ = as_in_a_browser(|| make(&gpu));
        assert_ne!(count.swap(0, Ordering::Relaxed), 0, "{name}: nobody heard it");
    }
    Ok(())
}

/// What wgpu has against the caller's own calls is heard too.
pub(super) fn own_calls(_: &Gpu) -> Outcome {
    let (gpu, count) = heard()?;
    let make = || {
        let _ = buffer(&gpu, u64::MAX / 8);
        Tensors::new(&gpu.device, [("w", [4])]).map(drop)
    };
    for made in [block_on(checked(&gpu.device, make)), as_in_a_browser(|| block_on(checked(&gpu.device, make)))] {
        assert!(matches!(made, Err(Error::Wgpu(_) | Error::OutOfMemory(_))), "{made:?}");
    }
    assert_eq!(count.load(Ordering::Relaxed), 0);
    Ok(())
}

type Change = fn(&Gpu, &mut Optimizer) -> Result<(), Error>;

/// Each change that the device can refuse, and whose buffer is behind it.
const CHANGES: [(&str, Change, &str, BufferRole); 4] = [
    ("set_gradients", |gpu, optimizer| optimizer.set_gradients([("w", &destroyed(gpu, 16))]), "w", BufferRole::Gradient),
    ("set_values", |gpu, optimizer| optimizer.set_values([("w", &destroyed(gpu, 16))]), "w", BufferRole::Value),
    (
        "set and set_gradients",
        |gpu, optimizer| {
            optimizer.set(0, "lr", 0.25)?;
            optimizer.set_gradients([("w", &destroyed(gpu, 16))])
        },
        "w",
        BufferRole::Gradient,
    ),
    (
        "add_group",
        |gpu, optimizer| {
            let late = Param { gradient: destroyed(gpu, 16).into(), ..param(gpu, "late", &[4]) };
            let mut encoder = gpu.device.create_command_encoder(&Default::default());
            optimizer.add_group(&mut encoder, Group::new(Sgd::default(), [late]))
        },
        "late",
        BufferRole::Gradient,
    ),
];

/// After an error the optimizer is as it was, also where the error came late.
pub(super) fn changes(_: &Gpu) -> Outcome {
    let (gpu, count) = heard()?;
    let mut optimizer = Optimizer::new(&gpu.device, &gpu.queue, Adam { lr: 0.5, ..Adam::default() }, [param(&gpu, "w", &[4])])?;
    let mut steps = 0;
    for (name, change, param, role) in CHANGES {
        for late in [false, true] {
            let mut make = || block_on(optimizer.checked(|optimizer| change(&gpu, optimizer)));
            let made = if late { as_in_a_browser(make) } else { make() };
            names(made, param, role, "has been destroyed").map_err(|failed| format!("{name}: {failed:?}"))?;
            steps += 1;
            takes_a_step(&gpu, &optimizer, steps)?;
            assert_eq!(optimizer.names().collect::<Vec<_>>(), ["w"], "{name}");
            assert_eq!(optimizer.rule(0).map(|rule| rule.values()[0]), Some(0.5), "{name}");
        }
    }
    // What the device has nothing against stays.
    for lr in [0.25, 0.125] {
        let change = |optimizer: &mut Optimizer| optimizer.set(0, "lr", lr);
        as_in_a_browser(|| block_on(optimizer.checked(change)))?;
        assert_eq!(optimizer.rule(0).map(|rule| rule.values()[0]), Some(lr));
    }
    takes_a_step(&gpu, &optimizer, steps + 1)?;
    assert_eq!(count.load(Ordering::Relaxed), 0, "an error that was returned reached the handler");
    Ok(())
}

/// A parameter's own buffer that was destroyed is named when something else is changed.
pub(super) fn destroyed_meanwhile(_: &Gpu) -> Outcome {
    let (gpu, _) = heard()?;
    for late in [false, true] {
        let options = Options { non_finite: NonFinite::Skip, ..Options::default() };
        let params = [param(&gpu, "v", &[4]), param(&gpu, "w", &[4])];
        let mut optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(Adam::default(), params.clone())], options)?;
        params[1].gradient.buffer().destroy();
        let mut make = || block_on(optimizer.checked(|optimizer| optimizer.set_active(["v"], false)));
        let made = if late { as_in_a_browser(make) } else { make() };
        names(made, "w", BufferRole::Gradient, "has been destroyed")?;
        assert!(optimizer.is_active("v")?);
    }
    Ok(())
}

/// Reading back waits for the device's answer by itself.
pub(super) fn reads(_: &Gpu) -> Outcome {
    let (gpu, count) = heard()?;
    let params = [param(&gpu, "v", &[4]), param(&gpu, "w", &[4])];
    let optimizer = Optimizer::new(&gpu.device, &gpu.queue, Adam::default(), params.clone())?;
    params[1].value.buffer().destroy();
    for late in [false, true] {
        let run = |read: &dyn Fn() -> Result<(), Error>| if late { as_in_a_browser(read) } else { read() };
        names(run(&|| block_on(optimizer.read_value("w")).map(drop)), "w", BufferRole::Value, "has been destroyed")?;
        names(run(&|| block_on(optimizer.checkpoint()).map(drop)), "w", BufferRole::Value, "has been destroyed")?;
        run(&|| block_on(optimizer.read_value("v")).map(drop))?;
    }
    assert_eq!(count.load(Ordering::Relaxed), 0);
    Ok(())
}
