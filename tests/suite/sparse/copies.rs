//! Copies of values in bf16 where a gradient is row-sparse: steps write those of the rows that have entries, and of all rows where all change.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::testing::must_fail;
use wgpu_optim::{AdamW, Bf16Copy, Binding, Ema, Group, Lookahead, Optimizer, Options, Param, Tensors, wgpu};

use super::tables::{Table, buffer, step};
use crate::batches::stage::download;
use crate::context::{Context, Outcome};

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let own = |gpu: &Gpu| [1, 2, 3, 4, 7, 12, 130].into_iter().try_for_each(|width| follow(gpu, width));
    contexts[..2].iter().map(|context| context.trial("sparse/copies/follow".into(), own)).collect()
}

/// To the nearest, ties to even.
fn rounded(x: f32) -> u16 {
    let bits = x.to_bits();
    ((bits + 0x7fff + (bits >> 16 & 1)) >> 16) as u16
}

/// The numbers of a copy of so many; an odd last one has a half beside it.
fn halves(gpu: &Gpu, copy: &wgpu::Buffer, count: usize) -> Result<Vec<u16>, Failed> {
    let words = download(gpu, copy)?;
    let halves: Vec<u16> = words.iter().flat_map(|word| [*word as u16, (word >> 16) as u16]).collect();
    assert!(halves[count..].iter().all(|&half| half == 0xabcd), "what is beside the last one");
    Ok(halves[..count].to_vec())
}

/// What a copy has where it is not the values that are shown, rounded.
fn wrong(gpu: &Gpu, optimizer: &Optimizer, copy: &wgpu::Buffer) -> Result<Vec<usize>, Failed> {
    let values = block_on(optimizer.read_shown("w"))?;
    let copies = halves(gpu, copy, values.len())?;
    Ok((0..values.len()).filter(|&i| copies[i] != rounded(values[i])).collect())
}

/// Written at first by a call, then by steps, also where Lookahead moves all rows, and by changes of view.
fn follow(gpu: &Gpu, width: usize) -> Outcome {
    let (table, tensors) = (Table::new(gpu, "w", (41, &[width], 9)), Tensors::new(&gpu.device, [("w", [41, width])])?);
    let count = 41 * width;
    // One word more than is its own where the last one is even.
    let words = count.div_ceil(2);
    let copy = buffer(gpu, words);
    gpu.queue.write_buffer(&copy, 0, bytemuck::cast_slice(&vec![0xabcd_abcd_u32; words]));
    let binding = Binding::new(&copy, 0, 4 * words as u64);
    let param = Param { bf16_copy: Some(Bf16Copy::new(binding)), ..table.param(&tensors)? };
    let lookahead = Some(Lookahead { every: 3, alpha: 0.4 });
    let options = Options { lookahead, ema: Some(Ema { decay: 0.5, ..Ema::default() }), ..Options::default() };
    let rule = AdamW { lr: 0.1, ..AdamW::default() };
    let optimizer = Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, [Group::new(rule, [param])], options)?;
    tensors.write_value(&gpu.queue, "w", &table.values)?;
    let record = |own: &dyn Fn(&mut wgpu::CommandEncoder)| {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        own(&mut encoder);
        gpu.queue.submit([encoder.finish()]);
    };
    record(&|encoder| optimizer.write_copies(encoder));
    assert_eq!(wrong(gpu, &optimizer, &copy)?, [0; 0], "rows of {width}: written without a step");
    let before = halves(gpu, &copy, count)?;
    for turn in 0..5 {
        table.next(gpu, turn);
        step(gpu, &optimizer);
        assert_eq!(wrong(gpu, &optimizer, &copy)?, [0; 0], "rows of {width}: step {turn}");
        record(&|encoder| optimizer.evaluate(encoder));
        assert_eq!(wrong(gpu, &optimizer, &copy)?, [0; 0], "rows of {width}: evaluated after step {turn}");
        record(&|encoder| optimizer.train(encoder));
        assert_eq!(wrong(gpu, &optimizer, &copy)?, [0; 0], "rows of {width}: trained again after step {turn}");
    }
    let same: Result<(), &str> = if halves(gpu, &copy, count)? == before { Ok(()) } else { Err("moved") };
    Ok(must_fail("copies after five steps", same)?)
}
