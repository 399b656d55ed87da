//! Changes of rows that are refused, each with both numbers; the optimizer is as it was.

use std::sync::Arc;

use libtest_mimic::Trial;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::CpuParam;
use wgpu_optim::{AdamMini, AdamW, Binding, Group, Optimizer, Options, Param, RowChange, ScheduleFreeSgd, wgpu};

use crate::checkpoints::run::{Run, same};
use crate::context::{Context, Outcome};
use crate::features::pairs::Setting;

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    vec![contexts[0].trial("rows/refused".into(), refused)]
}

fn refused(gpu: &Gpu) -> Outcome {
    let groups = vec![
        Group::new(AdamW::default(), [CpuParam::new("a", &[4, 3]), CpuParam::new("scalar", &[])]),
        Group::new(ScheduleFreeSgd::default(), [CpuParam::new("free", &[4])]),
    ];
    let mut run = Run::new(gpu, &Setting { groups, options: Options::default() }, 1)?;
    run.steps(0..2)?;
    let before = run.checkpoint()?;
    let all = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
    let buffer = |words: u64, usage| {
        gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size: 4 * words, usage, mapped_at_creation: false })
    };
    let param = |name: &str, shape: &[usize]| {
        let words = shape.iter().product::<usize>() as u64;
        Param::new(name, shape, Binding::from(buffer(words.max(1), all)), Binding::from(buffer(words.max(1), all)))
    };
    let rows = |count: u64| Binding::from(buffer(count, all));
    let own = run.tensors.value("a")?.clone();
    let (values, room) = (true, buffer(64, all));
    let cases: Vec<(RowChange, String)> = vec![
        (
            RowChange { rows: rows(5), params: vec![param("b", &[5, 3])], values },
            "there is no parameter \"b\"; there are: a, scalar, free".into(),
        ),
        (
            RowChange { rows: rows(5), params: vec![param("a", &[5, 4])], values },
            "a: it had the shape [4, 3] and gets [5, 4]; only the number of rows may change".into(),
        ),
        (
            RowChange { rows: rows(1), params: vec![param("scalar", &[])], values },
            "scalar: it had the shape [] and gets []; only the number of rows may change".into(),
        ),
        (RowChange { rows: rows(6), params: vec![param("a", &[5, 3])], values }, "a: it gets 5 rows, and the index has 6".into()),
        (
            RowChange { rows: rows(5), params: vec![param("a", &[5, 3]), param("a", &[5, 3])], values },
            "a: two parameters have this name".into(),
        ),
        (
            RowChange { rows: rows(4), params: vec![Param { value: own, ..param("a", &[4, 3]) }], values },
            "a: its values would move into a buffer that has values to be moved; give it another".into(),
        ),
        (
            RowChange {
                rows: Binding::new(&room, 0, 20),
                params: vec![Param { value: Binding::new(&room, 64, 60), ..param("a", &[5, 3]) }],
                values,
            },
            "a: the index lies in the buffer of its values".into(),
        ),
        (
            RowChange { rows: Binding::from(buffer(5, wgpu::BufferUsages::COPY_DST)), params: vec![param("a", &[5, 3])], values },
            "a: the rows buffer has usage BufferUsages(COPY_DST), it needs BufferUsages(STORAGE) too".into(),
        ),
        (
            RowChange { rows: rows(5), params: vec![Param { value: rows(14), ..param("a", &[5, 3]) }], values },
            "a: shape [5, 3] in f32 takes 60 bytes, the value binding has 56".into(),
        ),
    ];
    // Blocks that are not the tensor's rows, and elements that are blocks of their own.
    for (rows_per_block, expected) in
        [(2.0, Some("a: AdamMini counts it as a tensor of another shape, whose rows are not its own")), (0.0, None)]
    {
        let mini = AdamMini { rows_per_block, ..AdamMini::default() };
        let mut blocks = Optimizer::new(&gpu.device, &gpu.queue, mini, [param("a", &[4, 3])])?;
        let change = RowChange { rows: rows(6), params: vec![param("a", &[6, 3])], values };
        let told = blocks.change_rows(&mut gpu.device.create_command_encoder(&Default::default()), change);
        assert_eq!(told.err().map(|error| error.to_string()).as_deref(), expected, "{rows_per_block}");
    }
    // Two that change places.
    let [a, b] = [param("a", &[4, 3]), param("other", &[4, 3])];
    let swapped = |param: &Param, with: &Param| Param { value: with.value.clone(), ..param.clone() };
    let mut both = Optimizer::new(&gpu.device, &gpu.queue, AdamW::default(), [a.clone(), b.clone()])?;
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    let change = RowChange { rows: rows(4), params: vec![swapped(&a, &b), swapped(&b, &a)], values };
    let told = both.change_rows(&mut encoder, change).err().map(|error| error.to_string());
    assert_eq!(told.as_deref(), Some("a: its values would move into a buffer that has values to be moved; give it another"));
    for (change, expected) in cases {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        let told = run.optimizer.change_rows(&mut encoder, change).err().map(|error| error.to_string());
        assert_eq!(told.as_deref(), Some(&*expected));
        gpu.queue.submit([encoder.finish()]);
        same(&expected, &run.checkpoint()?, &before)?;
    }
    run.steps(2..3)
}
