//! Tables with row-sparse gradients on the GPU, and steps of them beside their twin.

use libtest_mimic::Failed;
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::rule::{AnyRule, Bounded};
use wgpu_optim::testing::{Random, compare, must_fail, same_bits, stored};
use wgpu_optim::{Group, LrScales, Optimizer, Options, Param, SparseRows, Tensors, wgpu};

use crate::context::Outcome;
use crate::numbers::{PLAIN, Way};

/// Rows and their elements, and how many entries there is room for.
pub type Rows = (usize, &'static [usize], usize);

const TABLES: [Rows; 5] = [(40, &[3], 25), (1000, &[64], 100), (7, &[2, 5], 3000), (300, &[1], 80), (1, &[4], 9)];

/// A table on the GPU, and its gradient's buffers.
pub struct Table {
    pub name: String,
    pub shape: Vec<usize>,
    pub most: usize,
    /// How values and gradients are stored.
    pub way: Way,
    pub values: Vec<f32>,
    pub gradient: wgpu::Buffer,
    pub rows: wgpu::Buffer,
    pub count: wgpu::Buffer,
}

pub fn buffer(gpu: &Gpu, words: usize) -> wgpu::Buffer {
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
    gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size: 4 * words as u64, usage, mapped_at_creation: false })
}

impl Table {
    pub fn new(gpu: &Gpu, name: &str, rows: (usize, &[usize], usize)) -> Self {
        Self::stored(gpu, name, rows, PLAIN)
    }

    pub fn stored(gpu: &Gpu, name: &str, (rows, row, most): (usize, &[usize], usize), way: Way) -> Self {
        let (shape, width) = ([&[rows], row].concat(), row.iter().product::<usize>());
        let mut random = Random(rows as u64);
        let values: Vec<f32> = (0..rows * width).map(|_| random.normal() as f32).collect();
        let values = stored(way.value, &values).1;
        let words = stored(way.gradient, &vec![0.0; most * width]).0.len();
        let [gradient, list, count] = [words, most, 1].map(|words| buffer(gpu, words));
        Table { name: name.into(), shape, most, way, values, gradient, rows: list, count }
    }

    pub fn param(&self, tensors: &Tensors) -> Result<Param, Failed> {
        let sparse = Some(SparseRows { micro_batches: 4, ..SparseRows::new(&self.rows, &self.count) });
        let Way { gradient: gradient_dtype, rounding, master, .. } = self.way;
        let own = tensors.param(&self.name)?.clone();
        Ok(Param { gradient: (&self.gradient).into(), gradient_dtype, rounding, master, sparse, ..own })
    }

    pub fn cpu_param(&self) -> CpuParam {
        CpuParam { sparse_rows: Some(Vec::new()), ..self.way.of(CpuParam::new(&*self.name, &self.shape)) }
    }

    /// Entries of a step, of which some rows come several times and some are not the table's: none, some, or more than there is room for. What is past their
    /// number is rubbish.
    pub fn next(&self, gpu: &Gpu, step: u64) -> (Vec<u32>, Vec<f32>) {
        let (rows, width) = (self.shape[0], self.shape[1..].iter().product::<usize>());
        let mut random = Random(1000 * step + rows as u64);
        let given = [self.most / 2, 0, self.most + 5, self.most][(step / 100 + step) as usize % 4];
        let count = given.min(self.most);
        let row = |random: &mut Random| if random.bits().is_multiple_of(20) { u32::MAX - 3 } else { (random.bits() % rows as u64) as u32 };
        let mut list: Vec<u32> = (0..self.most).map(|_| row(&mut random)).collect();
        let mut gradient: Vec<f32> = (0..self.most * width).map(|i| ((1.0 + (i % 3) as f64) * random.normal()) as f32).collect();
        gradient[count * width..].fill(f32::NAN);
        gpu.queue.write_buffer(&self.rows, 0, bytemuck::cast_slice(&list));
        let (words, mut gradient) = stored(self.way.gradient, &gradient);
        gpu.queue.write_buffer(&self.gradient, 0, bytemuck::cast_slice(&words));
        gpu.queue.write_buffer(&self.count, 0, bytemuck::cast_slice(&[given as u32]));
        list.truncate(count);
        gradient.truncate(count * width);
        (list, gradient)
    }
}

pub fn step(gpu: &Gpu, optimizer: &Optimizer) {
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    optimizer.step(&mut encoder);
    gpu.queue.submit([encoder.finish()]);
}

/// Tables beside a parameter with a plain gradient, and their truth.
pub struct Scene<'a> {
    gpu: &'a Gpu,
    tables: Vec<Table>,
    tensors: Tensors,
    pub optimizer: Optimizer,
    pub twin: CpuOptimizer<Bounded>,
    truth: Vec<Vec<Bounded>>,
}

/// Numbers of the plain parameter.
const LENGTH: usize = 111;

fn given(values: &[f32]) -> Vec<Bounded> {
    values.iter().copied().map(Bounded::given).collect()
}

impl<'a> Scene<'a> {
    /// With this rule, and where it is `scaled`, scales for the rows of a table.
    pub fn new(gpu: &'a Gpu, rule: &dyn AnyRule, options: Options, scaled: bool) -> Result<Self, Failed> {
        Self::of(gpu, &TABLES, PLAIN, rule, options, scaled)
    }

    /// With these tables, stored so.
    pub fn of(gpu: &'a Gpu, tables: &[Rows], way: Way, rule: &dyn AnyRule, options: Options, scaled: bool) -> Result<Self, Failed> {
        let table = |(index, own): (usize, &Rows)| Table::stored(gpu, &format!("t{index}"), *own, way);
        let tables: Vec<Table> = tables.iter().enumerate().map(table).collect();
        let shapes = tables.iter().map(|table| (table.name.clone(), table.shape.clone())).chain([("plain".to_owned(), vec![37, 3])]);
        let tensors = Tensors::with_dtypes(&gpu.device, (way.value, way.gradient), shapes)?;
        let mut params = tables.iter().map(|table| table.param(&tensors)).collect::<Result<Vec<_>, _>>()?;
        let mut cpu_params: Vec<CpuParam> = tables.iter().map(Table::cpu_param).collect();
        if scaled {
            let scales: Vec<f32> = (0..1000).map(|row| 0.25 + (row % 4) as f32).collect();
            let own = buffer(gpu, 1000);
            gpu.queue.write_buffer(&own, 0, bytemuck::cast_slice(&scales));
            params[1].lr_scales = Some(LrScales { binding: own.into(), shape: vec![1000, 1] });
            cpu_params[1].lr_scales = Some((scales, vec![1000, 1]));
        }
        params.push(Param { rounding: way.rounding, master: way.master, ..tensors.param("plain")?.clone() });
        cpu_params.push(way.of(CpuParam::new("plain", &[37, 3])));
        let optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(rule.boxed(), params)], options)?;
        let twin = CpuOptimizer::with_options([Group::new(rule.boxed(), cpu_params)], options)?;
        assert_eq!(optimizer.passes(), twin.passes(), "one program for both");
        let mut truth: Vec<Vec<Bounded>> = tables.iter().map(|table| given(&table.values)).collect();
        truth.push(given(&[0.5; LENGTH]));
        for table in &tables {
            tensors.write_value(&gpu.queue, &table.name, &table.values)?;
        }
        tensors.write_value(&gpu.queue, "plain", &[0.5; LENGTH])?;
        Ok(Scene { gpu, tables, tensors, optimizer, twin, truth })
    }

    /// The gradients of one backward pass, of this number.
    pub fn gradients(&mut self, number: u64) -> Result<Vec<Vec<Bounded>>, Failed> {
        let mut gradients = Vec::new();
        for table in &self.tables {
            let (list, gradient) = table.next(self.gpu, number);
            self.twin.set_sparse_rows(&table.name, &list)?;
            gradients.push(given(&gradient));
        }
        let plain: Vec<f32> = (0..LENGTH).map(|i| (i % 7) as f32 - 3.0 + number as f32).collect();
        self.tensors.write_gradient(&self.gpu.queue, "plain", &plain)?;
        gradients.push(given(&stored(self.tensors.param("plain")?.gradient_dtype, &plain).1));
        Ok(gradients)
    }

    /// A step by the gradients of this number, after so many micro-batches.
    pub fn step(&mut self, number: u64, micro_batches: u64) -> Outcome {
        for micro_batch in 1..=micro_batches {
            let gradients = self.gradients(100 * micro_batch + number)?;
            let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
            self.optimizer.accumulate(&mut encoder)?;
            self.gpu.queue.submit([encoder.finish()]);
            self.twin.accumulate(&gradients.iter().map(|own| Some(&own[..])).collect::<Vec<_>>())?;
        }
        let gradients = self.gradients(number)?;
        step(self.gpu, &self.optimizer);
        let gradients: Vec<Option<&[Bounded]>> = gradients.iter().map(|own| Some(&own[..])).collect();
        Ok(self.twin.step(&mut self.truth.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>(), &gradients)?)
    }

    /// Four steps, with none to three micro-batches before each where they accumulate.
    pub fn agrees(mut self) -> Outcome {
        for turn in 0..4 {
            self.step(turn, if self.optimizer.options().accumulates() { (turn + 2) % 4 } else { 0 })?;
            self.check(&format!("step {turn}"))?;
        }
        Ok(())
    }

    /// Three steps, each with so many micro-batches before it. After each, views show the averages of all rows, as the twin's do, and the trained values come back to the bit.
    pub fn views(mut self, micro_batches: u64) -> Outcome {
        for turn in 0..3 {
            self.step(turn, micro_batches)?;
            let trained = block_on(self.optimizer.read_value("t1"))?;
            self.submit(Optimizer::evaluate);
            self.twin.evaluate(&mut self.truth.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>())?;
            self.check_values(&format!("evaluated after step {turn}"))?;
            // Averages differ from the values from the second step on.
            if turn > 0 {
                must_fail("a view", same_bits("t1", &block_on(self.optimizer.read_shown("t1"))?, &trained))?;
            }
            self.submit(Optimizer::train);
            self.twin.train(&mut self.truth.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>())?;
            same_bits("trained values", &block_on(self.optimizer.read_value("t1"))?, &trained)?;
            self.check(&format!("after step {turn}"))?;
        }
        Ok(())
    }

    fn submit(&self, record: fn(&Optimizer, &mut wgpu::CommandEncoder)) {
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        record(&self.optimizer, &mut encoder);
        self.gpu.queue.submit([encoder.finish()]);
    }

    /// What values show is the twin's.
    pub fn check_values(&self, when: &str) -> Outcome {
        for (name, truth) in self.tables.iter().map(|table| &*table.name).chain(["plain"]).zip(&self.truth) {
            compare(&format!("{when}: {name}"), &block_on(self.optimizer.read_shown(name))?, truth)?;
        }
        Ok(())
    }

    /// Values, states and reports are the twin's.
    pub fn check(&mut self, when: &str) -> Outcome {
        self.check_values(when)?;
        for name in self.tables.iter().map(|table| &*table.name).chain(["plain"]) {
            for state in self.optimizer.state_names(name)?.into_iter().filter(|state| *state != "accumulated") {
                let got = block_on(self.optimizer.read_state(name, state))?;
                compare(&format!("{when}: {name} {state}"), &got, self.twin.state(name, state)?)?;
            }
        }
        let (got, truth) = (block_on(self.optimizer.report())?, self.twin.report()?);
        assert_eq!((got.step, got.skips, got.gradient_norm.is_some()), (truth.step, truth.skips, truth.gradient_norm.is_some()), "{when}");
        if let Some((got, truth)) = got.gradient_norm.zip(truth.gradient_norm) {
            assert!((f64::from(got) - truth.value).abs() <= truth.error, "{when}: norm {got}, expected {truth:?}");
        }
        if let Some((got, truth)) = got.update_ratio.zip(truth.update_ratio) {
            assert!((f64::from(got) / truth - 1.0).abs() < 1e-4, "{when}: update ratio {got}, expected {truth}");
        }
        Ok(())
    }
}

/// Four steps of all tables beside a parameter with a plain gradient, with none to three micro-batches before each where they accumulate.
pub fn agrees(gpu: &Gpu, rule: &dyn AnyRule, options: Options, scaled: bool) -> Outcome {
    Scene::new(gpu, rule, options, scaled)?.agrees()
}
