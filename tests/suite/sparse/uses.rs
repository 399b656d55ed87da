//! How it is used: recorded several times, with other buffers, and without anything being made.

use std::sync::Arc;

use libtest_mimic::Trial;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::coalesce::{Coalesce, MOST_TILE, Shape};
use wgpu_optim::testing::{Made, must_fail};
use wgpu_optim::{Group, Optimizer, Options, Param, Sgd, SparseRows, Tensors};

use super::stage::{Entries, Stage, source};
use crate::context::{Context, Outcome};

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for context in contexts {
        let mut row = |name: &str, run: fn(&Gpu) -> Outcome| trials.push(context.trial(format!("sparse/{name}"), run));
        row("other-buffers", other_buffers);
        row("several-in-one-pass", several_in_one_pass);
        row("offsets", offsets);
        row("checker", checker);
    }
    trials.push(contexts[1].trial("sparse/dispatches".into(), dispatches));
    trials.push(contexts[1].trial("sparse/ignored-entries".into(), ignored));
    trials
}

/// Buffers that alternate: each is read when it is its turn, and nothing is made once all are known.
fn other_buffers(gpu: &Gpu) -> Outcome {
    let shape = Shape { rows: 50, width: 4, most: 2100 };
    let mut stage = Stage::new(gpu, shape)?;
    // Those of an odd margin are not whole vectors.
    let sources = [stage.source.clone(), source(gpu, shape, 4), source(gpu, shape, 64)];
    for (turn, source) in sources.iter().cycle().take(7).enumerate() {
        let made = Made::so_far();
        stage.source = source.clone();
        stage.coalesce.bind(source)?;
        assert!(turn < sources.len() || made.since() == Made::default(), "turn {turn}: {:?}", made.since());
        stage.check(&Entries::new(shape, |entry, random| (random.bits() as u32 ^ entry ^ turn as u32) % 60))?;
    }
    // A second one of the kind compiles nothing.
    let made = Made::so_far();
    Coalesce::new(
        &gpu.pipelines,
        "other",
        Shape { width: 8, rows: 3, most: 2500 },
        &source(gpu, Shape { width: 8, rows: 3, most: 2500 }, 4),
    )
    .map(drop)
    .or_else(|error| if gpu.device.limits().max_storage_buffer_binding_size < 1 << 20 { Ok(()) } else { Err(error) })?;
    assert_eq!(made.since().pipelines, 0);
    Ok(())
}

/// Recorded several times before anything is submitted: the last one counts.
fn several_in_one_pass(gpu: &Gpu) -> Outcome {
    let shape = Shape { rows: 90, width: 5, most: 2500 };
    let stage = Stage::new(gpu, shape)?;
    let made = Made::so_far();
    stage.run(3);
    assert_eq!(made.since(), Made::default());
    stage.check(&Entries::new(shape, |_, random| random.bits() as u32 % 95))
}

/// Wherever the caller's buffers begin.
fn offsets(gpu: &Gpu) -> Outcome {
    for margin in [1, 2, 3, 4, 63, 64, 65] {
        for width in [4, 6] {
            let shape = Shape { rows: 33, width, most: 300 };
            let mut stage = Stage::new(gpu, shape)?;
            stage.source = source(gpu, shape, margin);
            stage.coalesce.bind(&stage.source)?;
            stage.check(&Entries::new(shape, |_, random| random.bits() as u32 % 35))?;
        }
    }
    Ok(())
}

type Spoil = fn(&mut Entries);

/// Another gradient, row or count is noticed.
fn checker(gpu: &Gpu) -> Outcome {
    let shape = Shape { rows: 20, width: 3, most: 150 };
    let stage = Stage::new(gpu, shape)?;
    let entries = Entries::new(shape, |_, random| random.bits() as u32 % 22);
    stage.check(&entries)?;
    let spoilt: [(&str, Spoil); 3] = [
        ("a bit of a gradient", |entries| entries.gradient[149 * 3] = f32::from_bits(entries.gradient[149 * 3].to_bits() ^ 1)),
        ("a row", |entries| entries.rows[77] = (entries.rows[77] + 1) % 20),
        ("a count", |entries| entries.count -= 1),
    ];
    for (what, spoil) in spoilt {
        let mut other = Entries { rows: vec![3; 150], ..entries.clone() };
        let before = other.clone();
        spoil(&mut other);
        stage.write(&before);
        stage.run(1);
        must_fail(what, stage.same(&other))?;
    }
    Ok(())
}

/// As many as the documentation says.
fn dispatches(gpu: &Gpu) -> Outcome {
    let counted = |most| -> Result<usize, libtest_mimic::Failed> {
        Ok(Stage::new(gpu, Shape { rows: 50_257, width: 1, most })?.coalesce.dispatches_recorded())
    };
    for (most, expected) in [(1, 2), (MOST_TILE, 2), (MOST_TILE + 1, 5), (8192, 5), (8193, 6), (32_768, 6), (65_536, 7), (131_072, 7)] {
        assert_eq!(counted(most)?, expected, "{most} entries");
    }
    Ok(())
}

/// Entries of rows that there are not, and those past the room for them, are reported by the parameter's name; the bytes for coalescing count as state.
fn ignored(gpu: &Gpu) -> Outcome {
    let shape = Shape { rows: 20, width: 3, most: 150 };
    let stage = Stage::new(gpu, shape)?;
    let tensors = Tensors::new(&gpu.device, [("table", vec![20, 3]), ("bias", vec![3])])?;
    let own = tensors.param("table")?.clone();
    let sparse = Some(SparseRows::new(stage.source.rows.clone(), stage.source.count.clone()));
    let table = Param { sparse, gradient: stage.source.gradient.clone(), ..own };
    let params = [tensors.param("bias")?.clone(), table];
    let mut optimizer = Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, [Group::new(Sgd::default(), params)], Options::default())?;
    assert!(optimizer.state_bytes() > 4 * 150 * 3, "{} bytes", optimizer.state_bytes());
    let step = |optimizer: &Optimizer, entries: &Entries| -> Result<Vec<(String, u32)>, libtest_mimic::Failed> {
        stage.write(entries);
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        optimizer.step(&mut encoder);
        gpu.queue.submit([encoder.finish()]);
        Ok(pollster::block_on(optimizer.report())?.ignored().map(|(name, count)| (name.to_owned(), count)).collect())
    };
    let good = Entries::new(shape, |entry, _| entry % 20);
    assert_eq!(step(&optimizer, &good)?, []);
    let bad = Entries::new(shape, |entry, _| if entry % 10 == 0 { 20 + entry } else { entry % 20 });
    assert_eq!(step(&optimizer, &bad)?, [("table".to_owned(), 15)]);
    assert_eq!(step(&optimizer, &bad.counted(161))?, [("table".to_owned(), 15 + 11)]);
    optimizer.rename("table", "tokens")?;
    assert_eq!(step(&optimizer, &Entries::new(shape, |_, _| 99))?, [("tokens".to_owned(), 150)]);
    assert_eq!(step(&optimizer, &good.counted(0))?, []);
    Ok(())
}
