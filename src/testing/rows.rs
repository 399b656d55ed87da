//! All checks that a rule has to pass, as a list of named rows.

use super::faithful::{TURNED, root_mean_square};
use super::{Failure, Outcome, STYLES, Scene, Style, cpu_keeps_non_finite, is_faithful, keeps_non_finite, kernels_are_valid};
use crate::adapter::Gpu;
use crate::cpu::CpuParam;
use crate::products::Precision;
use crate::rule::{AnyRule, Bounded, HyperParameter};
use crate::{Error, Group, Optimizer, Options};

/// Steps that a row takes.
pub const STEPS: usize = 4;
/// Around the sizes of a vector, a workgroup and a chunk; 70,000 elements do not fit into a window of 64 KiB; and nothing at all.
const SIZES: [usize; 14] = [1, 3, 4, 5, 255, 256, 257, 0, 1757, 4095, 4096, 4097, 10, 70_000];

/// One thing that has to hold for a rule.
///
/// ```
/// use wgpu_optim::testing::{Check, rows};
///
/// // Those that need no adapter, each as a test harness may run it.
/// for row in rows(&wgpu_optim::Lion::default()) {
///     if let Check::Plain(run) = row.check {
///         run().unwrap_or_else(|failure| panic!("{}: {failure}", row.name));
///     }
/// }
/// ```
pub struct Row {
    /// Such as `parity/Adam/amsgrad/Packed`.
    pub name: String,
    /// What to run.
    pub check: Check,
    /// Features that the device has to have besides, where it runs on one.
    pub features: wgpu::Features,
}

/// The features that a device needs for a rule.
pub fn features(rule: &dyn AnyRule) -> wgpu::Features {
    Precision::of(rule.iterates_in_f16()).feature().map_or(wgpu::Features::empty(), |(feature, _)| feature)
}

/// A check with or without an adapter; [`Row`] has an example.
pub enum Check {
    /// Runs anywhere.
    Plain(Box<dyn FnOnce() -> Outcome + Send>),
    /// Runs on an adapter.
    OnGpu(Box<dyn FnOnce(&Gpu) -> Outcome + Send>),
}

impl Check {
    /// Runs it, on this adapter if it needs one.
    ///
    /// # Errors
    ///
    /// What did not hold.
    pub fn run(self, gpu: &Gpu) -> Outcome {
        match self {
            Check::Plain(run) => run(),
            Check::OnGpu(run) => run(gpu),
        }
    }
}

fn plain(name: String, run: impl FnOnce() -> Outcome + Send + 'static) -> Row {
    Row { name, check: Check::Plain(Box::new(run)), features: wgpu::Features::empty() }
}

fn on_gpu(name: String, rule: &dyn AnyRule, run: impl FnOnce(&Gpu) -> Outcome + Send + 'static) -> Row {
    Row { name, check: Check::OnGpu(Box::new(run)), features: features(rule) }
}

/// All rows of a rule; see [`super::prove`].
pub fn rows(rule: &dyn AnyRule) -> Vec<Row> {
    let mut rows = Vec::new();
    let name = rule.name();
    for (case, configured) in rule.cases() {
        let own = configured.clone();
        rows.push(plain(format!("shaders/{name}/{case}"), move || kernels_are_valid(&*own)));
        for style in STYLES {
            let own = configured.clone();
            rows.push(on_gpu(format!("parity/{name}/{case}/{style:?}"), &*configured, move |gpu| agrees(gpu, &*own, style)));
        }
        let own = configured.clone();
        rows.push(plain(format!("non-finite/{name}/{case}/Cpu"), move || cpu_keeps_non_finite(&*own)));
        // Of an element of a turned gradient that may be 0 the sign is not known, and what it divides, over these many elements and steps: a basis is off by rounding over the
        // distance of two eigenvalues, and tolerances do not see that what it is turned by and turned back by are off alike.
        if !rule.takes_bases() {
            let own = configured.clone();
            rows.push(on_gpu(format!("tight/{name}/{case}"), &*configured, move |gpu| tolerances_are_tight(gpu, &*own)));
        }
        if rule.keeps_squares() {
            let own = configured.clone();
            rows.push(on_gpu(format!("faithful/{name}/{case}"), &*configured, move |gpu| is_faithful(gpu, &*own, &*own)));
        }
    }
    for style in STYLES {
        let own = rule.boxed();
        rows.push(on_gpu(format!("non-finite/{name}/{style:?}"), rule, move |gpu| keeps_non_finite(gpu, &*own, style)));
    }
    for parameter in rule.parameters() {
        let (own, mut changed) = (rule.boxed(), rule.boxed());
        changed.set(parameter.name, if parameter.flag { 1.0 } else { 0.0 });
        rows.push(on_gpu(format!("liveness/{name}/{}", parameter.name), &*changed, move |gpu| is_live(gpu, &*own, parameter)));
        let own = rule.boxed();
        rows.push(plain(format!("rejection/{name}/{}", parameter.name), move || rejects(&*own, parameter)));
    }
    let own = rule.boxed();
    rows.push(plain(format!("cases/{name}"), move || cases_cover(&*own)));
    rows
}

/// Of rules that do something else with matrices, some of these beside the vectors: of several tiles, narrow, a batch, and one of few rows.
const MATRICES: [&[usize]; 4] = [&[384, 3], &[42, 130], &[2, 21, 12], &[1, 9]];

/// Of rules that keep square matrices of axes, these instead: of one axis to four, odd and even, one index, and more of one axis than of all others.
const SQUARES: [&[usize]; 8] = [&[], &[1], &[20, 3], &[7, 33], &[6, 5, 7], &[1, 9], &[3, 2, 4, 2], &[21, 20]];

/// The most indices of these: twins take eigenvectors of each, several times.
const MOST_INDICES: usize = 40;

/// A scene of vectors of these lengths, and of these matrices for a rule that tells them.
fn scene<'a>(
    gpu: &'a Gpu,
    rule: &dyn AnyRule,
    style: Style,
    lens: &[usize],
    matrices: &[&[usize]],
    seed: u64,
) -> Result<Scene<'a>, Failure> {
    if !rule.tells_matrices() && !rule.orthogonalizes() && !rule.keeps_squares() {
        return Scene::new(gpu, rule, style, lens, seed);
    }
    // A matrix has to be in one window of 64 KiB, padded to four rows.
    let lens: Vec<usize> = lens.iter().copied().filter(|&len| len <= 4096 || !rule.orthogonalizes()).collect();
    let matrices = if rule.keeps_squares() { &SQUARES[..] } else { matrices };
    let shapes = lens.iter().map(core::slice::from_ref).chain(matrices.iter().copied());
    let shapes = shapes.filter(|shape| is_certain(rule, shape));
    let params = shapes.enumerate().map(|(index, shape)| CpuParam::new(format!("p{index}"), shape)).collect::<Vec<_>>();
    Scene::with_options(gpu, vec![Group::new(rule.boxed(), params)], Options::default(), style, seed)
}

/// Whether what a rule makes of a tensor of this shape can be held against its twin in little time: its squares are small enough, and, where it takes their eigenvectors, of full rank: which basis a null space gets is arbitrary.
pub fn is_certain(rule: &dyn AnyRule, shape: &[usize]) -> bool {
    let elements: usize = shape.iter().product();
    let is_certain = |size: usize| size <= MOST_INDICES && (!rule.takes_bases() || size * size <= elements);
    shape.iter().all(|&size| !rule.has_square(shape.len(), size) || is_certain(size))
}

/// The kernels agree with the twin in every value, state and step count after every step, and touch nothing else; gradients are NaN and infinite here
/// and there.
///
/// # Errors
///
/// The first value, state, step count or sentinel that is not what the twin says.
pub fn agrees(gpu: &Gpu, rule: &dyn AnyRule, style: Style) -> Outcome {
    let mut scene = scene(gpu, rule, style, &SIZES, &MATRICES, 17)?;
    for _ in 0..STEPS {
        // What is summed over a tensor, one element spoils for all, and nothing would be left to compare.
        if !rule.is_staged(rule.counts_matrices()) {
            scene.rough_step()?
        } else {
            scene.step(|_| true)?
        }
        scene.check()?;
    }
    Ok(())
}

/// A tolerance as large as what it judges would judge nothing: the median one is below 1e-5 of the displacement, besides the rounding of
/// the value itself; below 1e-2 where matrices are orthogonalized, which makes errors in what is small of them some hundred times as large; and below
/// one half where that is summed too, each element off to the same side. Where a tensor is turned, an element is off by a part of the largest ones that share an index, so that the displacement is that of all elements there, as a root mean square, of
/// which the median tolerance is below 2e-4: some ten times what kernels are off by. The kernels also agree as many steps later, since some rules change their form after a few.
///
/// # Errors
///
/// A median tolerance that is larger, or a kernel that leaves it.
pub fn tolerances_are_tight(gpu: &Gpu, rule: &dyn AnyRule) -> Outcome {
    let most = match (rule.orthogonalizes(), rule.sums_orthogonalized()) {
        _ if rule.keeps_squares() => 2e-4,
        (false, _) => 1e-5,
        (true, false) => 1e-2,
        (true, true) => 0.5,
    };
    let shape: &[usize] = if rule.keeps_squares() { &TURNED } else { &[1757] };
    let group = Group::new(rule.boxed(), [CpuParam::new("p0", shape)]);
    let mut scene = Scene::with_options(gpu, vec![group], Options::default(), Style::Tensors, 3)?;
    let start = scene.truth.clone();
    for _ in 0..STEPS {
        scene.step(|_| true)?;
    }
    let displacement = |(truth, start): (&Bounded, &Bounded)| (truth.value - start.value).abs();
    let of_all = root_mean_square(scene.truth[0].iter().zip(&start[0]).map(displacement));
    let relative = |(truth, start): (&Bounded, &Bounded)| {
        let rounding = STEPS as f64 * 2.0_f64.powi(-23) * truth.value.abs().max(start.value.abs());
        (truth.error - rounding) / if rule.keeps_squares() { of_all } else { displacement((truth, start)) }
    };
    let mut relative: Vec<f64> = scene.truth[0].iter().zip(&start[0]).map(relative).filter(|x| x.is_finite()).collect();
    relative.sort_by(f64::total_cmp);
    for _ in 0..STEPS {
        scene.step(|_| true)?;
        scene.check()?;
    }
    match relative.get(relative.len() / 2) {
        Some(&median) if relative.len() > 1000 && median < most => Ok(()),
        median => Err(Failure(format!("the median tolerance of {} elements is {median:?} of the displacement", relative.len()))),
    }
}

/// In some case, a change of 5% (or of a flag) leads out of tolerance of the unchanged truth, in a value or in a state: a mean of the values
/// does not act on them.
///
/// # Errors
///
/// A hyper-parameter that changes nothing in any case.
pub fn is_live(gpu: &Gpu, rule: &dyn AnyRule, parameter: &HyperParameter) -> Outcome {
    let index = rule.parameters().iter().position(|other| other == parameter).ok_or("no such hyper-parameter")?;
    for (_, case) in rule.cases() {
        let old = case.values()[index];
        let new = if parameter.flag { 1.0 - old } else { 0.95 * old + if old == 0.0 { 0.05 } else { 0.0 } };
        let mut changed = case.clone();
        changed.set(parameter.name, new);
        if changed.validate().is_err() {
            continue;
        }
        let mut scene = scene(gpu, &*case, Style::Tensors, &[300], &MATRICES[..1], 11)?;
        let groups = [Group::new(changed, scene.params.clone())];
        // A number of rows in a block may not divide those of a tensor any more.
        let Ok(optimizer) = Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, groups, Options::default()) else { continue };
        scene.optimizer = optimizer;
        for _ in 0..2 * STEPS {
            scene.step(|_| true)?;
        }
        if scene.check().is_err() {
            return Ok(());
        }
    }
    Err(Failure(format!("{} of {} changes nothing in any case", parameter.name, rule.name())))
}

/// What is outside a hyper-parameter's range is refused, by its name.
///
/// # Errors
///
/// A value that was not refused, or not by this hyper-parameter's name.
pub fn rejects(rule: &dyn AnyRule, parameter: &HyperParameter) -> Outcome {
    let outside = if parameter.flag { Vec::new() } else { parameter.range.outside() };
    for got in outside {
        let mut spoiled = rule.boxed();
        spoiled.set(parameter.name, got);
        match spoiled.validate() {
            Err(Error::OutOfRange { parameter: named, .. }) if named == parameter.name => {}
            other => return Err(Failure(format!("{got} for {}: {other:?}", parameter.name))),
        }
    }
    Ok(())
}

/// The named cases set each hyper-parameter to something else than its default at least once, and are themselves valid.
///
/// # Errors
///
/// A hyper-parameter that no case changes, or a case that the rule refuses.
pub fn cases_cover(rule: &dyn AnyRule) -> Outcome {
    for (index, parameter) in rule.parameters().iter().enumerate() {
        let default = rule.values()[index];
        if rule.cases().iter().all(|(_, case)| case.values()[index] == default) {
            return Err(Failure(format!("no case of {} changes {}", rule.name(), parameter.name)));
        }
    }
    for (name, case) in rule.cases() {
        case.validate().map_err(|error| Failure(format!("case {name}: {error}")))?;
    }
    Ok(())
}
