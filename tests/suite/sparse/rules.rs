//! Steps by row-sparse gradients: every rule that takes them, against its twin; what is not listed stays, to the bit; what is refused.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::rule::AnyRule;
use wgpu_optim::testing::{must_fail, same_bits};
use wgpu_optim::{
    AdamW, AdaptiveClip, Adopt, Binding, Clip, Error, Group, Lamb, NonFinite, NormClip, Optimizer, Options, Param, RowMask, Sgd,
    SparseRows, Tensors, rules,
};

use super::tables::{Table, agrees, buffer, step};
use super::{Row, trials_of};
use crate::context::{Context, Outcome};

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for rule in rules::all().into_iter().filter(|rule| takes(&**rule)) {
        for context in &contexts[..2] {
            let own = rule.clone();
            trials.push(context.trial(format!("sparse/rules/{}", rule.name()), move |gpu| agrees(gpu, &*own, Options::default(), false)));
        }
    }
    for context in &contexts[..2] {
        trials.push(context.trial("sparse/options".into(), options));
    }
    let rows: [Row; 6] = [
        ("all-rows-once-are-a-dense-gradient", all_rows_once),
        ("dispatches", dispatches),
        ("other-gradients", other_gradients),
        ("refused", refused),
        ("gradients-are-as-long-as-they-are", gradients_are_as_long_as_they_are),
        ("two-in-one-submission", two_in_one_submission),
    ];
    trials.extend(trials_of("steps", &contexts[..1], rows));
    trials
}

fn takes(rule: &dyn AnyRule) -> bool {
    let param = CpuParam { sparse_rows: Some(Vec::new()), ..CpuParam::new("w", &[2, 2]) };
    CpuOptimizer::<f32>::new(rule.boxed(), [param]).is_ok()
}

/// With whatever a step does around its rule.
fn options(gpu: &Gpu) -> Outcome {
    let options = Options {
        clip: Clip::Norm(NormClip { max_norm: 0.7, ..NormClip::default() }),
        non_finite: NonFinite::Skip,
        zero_grad: true,
        ..Options::default()
    };
    let rule = || -> Box<dyn AnyRule> { AdamW { weight_decay: 0.1, ..AdamW::default() }.into() };
    agrees(gpu, &*rule(), options, true)?;
    agrees(gpu, &*rule(), Options { measure_update: true, ..options }, false)
}

/// Each row once is what a dense gradient is, to the bit.
fn all_rows_once(gpu: &Gpu) -> Outcome {
    for width in [1, 3, 4, 12] {
        let table = Table::new(gpu, "sparse", (50, &[width], 50));
        let tensors = Tensors::new(&gpu.device, [("sparse", [50, width]), ("dense", [50, width])])?;
        let params = [table.param(&tensors)?, tensors.param("dense")?.clone()];
        let optimizer = Optimizer::new(&gpu.device, &gpu.queue, AdamW::default(), params)?;
        let gradient: Vec<f32> = (0..50 * width).map(|i| (i as f32 * 0.37).sin()).collect();
        let order: Vec<u32> = (0..50).map(|i| (i * 7 + 3) % 50).collect();
        let permuted: Vec<f32> = order.iter().flat_map(|&row| gradient[row as usize * width..][..width].to_vec()).collect();
        gpu.queue.write_buffer(&table.rows, 0, bytemuck::cast_slice(&order));
        gpu.queue.write_buffer(&table.gradient, 0, bytemuck::cast_slice(&permuted));
        gpu.queue.write_buffer(&table.count, 0, bytemuck::cast_slice(&[50_u32]));
        tensors.write_gradient(&gpu.queue, "dense", &gradient)?;
        for name in ["sparse", "dense"] {
            tensors.write_value(&gpu.queue, name, &table.values)?;
        }
        step(gpu, &optimizer);
        let [sparse, dense] = ["sparse", "dense"].map(|name| block_on(optimizer.read_value(name)));
        let sparse = sparse?;
        same_bits(&format!("rows of {width}"), &sparse, &dense?)?;
        must_fail("a step", same_bits("values", &sparse, &table.values))?;
    }
    Ok(())
}

fn dispatches(gpu: &Gpu) -> Outcome {
    let tables: Vec<Table> = (0..3).map(|index| Table::new(gpu, &format!("t{index}"), (60, &[8], 30))).collect();
    let tensors = Tensors::new(&gpu.device, tables.iter().map(|table| (table.name.clone(), table.shape.clone())))?;
    let params = tables.iter().map(|table| table.param(&tensors)).collect::<Result<Vec<_>, _>>()?;
    let optimizer = Optimizer::new(&gpu.device, &gpu.queue, Sgd::default(), params)?;
    let work = optimizer.recorded_step();
    // Two for each table, which wait for nothing but one another; then as ever.
    assert_eq!((work.dispatches, work.waits), (3 * 2 + 2, 0));
    Ok(())
}

/// Gradients that move are coalesced from where they are.
fn other_gradients(gpu: &Gpu) -> Outcome {
    let table = Table::new(gpu, "w", (4, &[2], 3));
    let tensors = Tensors::new(&gpu.device, [("w", [4, 2])])?;
    let mut optimizer = Optimizer::new(&gpu.device, &gpu.queue, Sgd { lr: 1.0, ..Sgd::default() }, [table.param(&tensors)?])?;
    let other = buffer(gpu, 6);
    gpu.queue.write_buffer(&table.rows, 0, bytemuck::cast_slice(&[2_u32, 0, 2]));
    gpu.queue.write_buffer(&table.count, 0, bytemuck::cast_slice(&[3_u32]));
    gpu.queue.write_buffer(&table.gradient, 0, bytemuck::cast_slice(&[f32::NAN; 6]));
    gpu.queue.write_buffer(&other, 0, bytemuck::cast_slice(&[-1.0_f32, -2.0, -4.0, -8.0, -16.0, -32.0]));
    optimizer.set_gradients([("w", &other)])?;
    step(gpu, &optimizer);
    assert_eq!(block_on(optimizer.read_value("w"))?, [4.0, 8.0, 0.0, 0.0, 17.0, 34.0, 0.0, 0.0]);
    let short = optimizer.set_gradients([("w", &table.count)]);
    assert!(matches!(short, Err(Error::SizeMismatch { .. })), "{short:?}");
    Ok(())
}

/// Rows that passes write between two steps of one submission are each step's own.
fn two_in_one_submission(gpu: &Gpu) -> Outcome {
    let table = Table::new(gpu, "w", (3, &[4], 1));
    let tensors = Tensors::new(&gpu.device, [("w", [3, 4])])?;
    let optimizer = Optimizer::new(&gpu.device, &gpu.queue, Sgd { lr: 1.0, ..Sgd::default() }, [table.param(&tensors)?])?;
    let other = buffer(gpu, 1);
    gpu.queue.write_buffer(&table.rows, 0, bytemuck::cast_slice(&[2_u32]));
    gpu.queue.write_buffer(&other, 0, bytemuck::cast_slice(&[1_u32]));
    gpu.queue.write_buffer(&table.count, 0, bytemuck::cast_slice(&[1_u32]));
    gpu.queue.write_buffer(&table.gradient, 0, bytemuck::cast_slice(&[-1.0_f32, -2.0, -3.0, -4.0]));
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    optimizer.step(&mut encoder);
    encoder.copy_buffer_to_buffer(&other, 0, &table.rows, 0, 4);
    optimizer.step(&mut encoder);
    optimizer.step(&mut encoder);
    gpu.queue.submit([encoder.finish()]);
    assert_eq!(block_on(optimizer.read_value("w"))?, [0.0, 0.0, 0.0, 0.0, 2.0, 4.0, 6.0, 8.0, 1.0, 2.0, 3.0, 4.0]);
    Ok(())
}

/// Reading and clearing a gradient end where its rows end, also where the table is longer; rows that change take the list along.
fn gradients_are_as_long_as_they_are(gpu: &Gpu) -> Outcome {
    let table = Table::new(gpu, "w", (40, &[2], 3));
    let tensors = Tensors::new(&gpu.device, [("w", [40, 2])])?;
    let shared = buffer(gpu, 100);
    gpu.queue.write_buffer(&shared, 0, bytemuck::cast_slice(&[7.0_f32; 100]));
    let param = Param { gradient: Binding::new(&shared, 16, 24), ..table.param(&tensors)? };
    let mut optimizer = Optimizer::new(&gpu.device, &gpu.queue, Sgd { lr: 1.0, ..Sgd::default() }, [param.clone()])?;
    assert_eq!(block_on(optimizer.read_gradient("w"))?, [7.0; 6]);
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    optimizer.zero_grad(&mut encoder)?;
    gpu.queue.submit([encoder.finish()]);
    assert_eq!(block_on(optimizer.read_gradient("w"))?, [0.0; 6]);
    optimizer.set_gradients([("w", Binding::new(&shared, 40, 24))])?;
    assert_eq!(block_on(optimizer.read_gradient("w"))?, [7.0; 6]);
    // Half of the rows, the last ones, in the place of all.
    let (fewer, index) = (Tensors::new(&gpu.device, [("w", [20, 2])])?, buffer(gpu, 20));
    gpu.queue.write_buffer(&index, 0, bytemuck::cast_slice(&(20..40_u32).collect::<Vec<_>>()));
    tensors.write_value(&gpu.queue, "w", &(0..80_u8).map(f32::from).collect::<Vec<_>>())?;
    gpu.queue.write_buffer(&table.rows, 0, bytemuck::cast_slice(&[19_u32, 0, 25]));
    gpu.queue.write_buffer(&table.count, 0, bytemuck::cast_slice(&[3_u32]));
    let now = Param { shape: vec![20, 2], value: fewer.value("w")?.clone(), gradient: Binding::new(&shared, 40, 24), ..param };
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    optimizer.change_rows(&mut encoder, wgpu_optim::RowChange { rows: index.into(), params: vec![now], values: true })?;
    optimizer.step(&mut encoder);
    gpu.queue.submit([encoder.finish()]);
    let got = block_on(optimizer.read_value("w"))?;
    assert_eq!((&got[..4], &got[38..]), (&[33.0, 34.0, 42.0, 43.0][..], &[71.0, 72.0][..]));
    Ok(())
}

fn refused(gpu: &Gpu) -> Outcome {
    let table = Table::new(gpu, "w", (4, &[2], 3));
    let tensors = Tensors::new(&gpu.device, [("w", [4, 2])])?;
    let message = |rule: Box<dyn AnyRule>, options: Options, change: &dyn Fn(Param) -> Param| -> Result<String, Failed> {
        let param = change(table.param(&tensors)?);
        let made = Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(rule, [param])], options);
        Ok(made.err().map_or(String::new(), |error| error.to_string()))
    };
    let (sgd, none) = (|| -> Box<dyn AnyRule> { Sgd::default().into() }, Options::default);
    let same = |param: Param| param;
    let short = |param: Param| Param { gradient: Binding::new(&table.gradient, 0, 20), ..param };
    let flat = |param: Param| {
        let [value, gradient] =
            [(&param.value, 16), (&param.gradient, 12)].map(|(own, bytes)| Binding::new(own.buffer(), own.offset(), bytes));
        Param { shape: vec![4], value, gradient, ..param }
    };
    let masked = |param: Param| Param { row_mask: Some(RowMask::new(buffer(gpu, 4))), ..param };
    let many = |param: Param| Param { sparse: param.sparse.map(|own| SparseRows { count: (&table.rows).into(), ..own }), ..param };
    let adaptive = Options { clip: Clip::Adaptive(AdaptiveClip::default()), ..none() };
    type Change<'a> = &'a dyn Fn(Param) -> Param;
    let cases: [(Box<dyn AnyRule>, Options, Change<'_>, &str); 7] = [
        (sgd(), none(), &same, ""),
        (sgd(), none(), &short, "w: shape [3, 2] in f32 takes 24 bytes, the gradient binding has 20"),
        (sgd(), none(), &masked, "w: a row_mask and a row-sparse gradient both say which rows a step updates; use one"),
        (sgd(), none(), &many, "w: shape [1] in u32 takes 4 bytes, the row count binding has 12"),
        (sgd(), adaptive, &flat, "w: a row-sparse gradient does not go with adaptive clipping of a vector, whose unit is all of it"),
        (Lamb::default().into(), none(), &same, "w: a row-sparse gradient does not go with Lamb, which has sums over whole tensors"),
        (
            Adopt::default().into(),
            none(),
            &same,
            "w: a row-sparse gradient does not go with Adopt, whose first step is not like the others",
        ),
    ];
    for (rule, options, change, expected) in cases {
        let got = message(rule, options, change)?;
        assert!(got.starts_with(expected) && got.is_empty() == expected.is_empty(), "{got}, expected {expected}");
    }
    let mut twin = CpuOptimizer::<f32>::new(Sgd::default(), [table.cpu_param()])?;
    twin.set_sparse_rows("w", &[1, 1])?;
    let short = twin.step(&mut [&mut [0.0; 8]], &[Some(&[1.0; 8])]).map_err(|error| error.to_string());
    assert_eq!(short, Err("w: the gradient must have 4 elements, got 8".into()));
    assert_eq!(twin.set_row_mask("w", &[1; 4]), Err(Error::NotEnabled { what: "set_row_mask", needs: "CpuParam::row_mask" }));
    Ok(())
}
