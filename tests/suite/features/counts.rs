//! How many dispatches a step is, counted as they are recorded.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::CpuParam;
use wgpu_optim::rule::AnyRule;
use wgpu_optim::testing::{STYLES, Scene, Style};
use wgpu_optim::{
    Adafactor, AdamW, Clip, Group, Lamb, MicroBatches, NonFinite, NormClip, Optimizer, Options, RecordedWork, Tensors, rules,
};

use super::pairs::{FEATURES, Setting, everything, scene, setting, with};
use crate::context::{Context, Outcome};

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = vec![contexts[1].trial("features/counts/three-at-most".into(), three_at_most)];
    for (context, dispatches) in contexts.iter().zip([12, 81]) {
        trials.push(context.trial("features/counts/separate".into(), move |gpu| separate(gpu, dispatches)));
    }
    trials.push(contexts[0].trial("features/counts/stages".into(), stages));
    trials.push(contexts[0].trial("features/counts/vectors".into(), vectors));
    for (number, context) in contexts.iter().enumerate() {
        for style in STYLES.into_iter().filter(|&style| number < 3 || style != Style::Far) {
            trials.push(context.trial(format!("features/counts/no-stage-waits/{style:?}"), move |gpu| no_stage_waits(gpu, style)));
        }
        // The last device makes no buffer as large as that layout's.
        for style in STYLES.into_iter().filter(|&style| number < 3 || style != Style::Far) {
            trials.push(context.trial(format!("features/counts/nothing-waits/{style:?}"), move |gpu| nothing_waits(gpu, style)));
        }
    }
    trials
}

/// 161 tensors in buffers of their own: as many share a dispatch as the device can bind, on an adapter with 32 storage buffers and with WebGPU's 8.
fn separate(gpu: &Gpu, dispatches: usize) -> Outcome {
    let most = gpu.device.limits().max_storage_buffers_per_shader_stage as usize;
    let group = || vec![(AdamW::default().into(), (0..161).map(|index| 4 * (1 + index * 7 % 100)).collect())];
    let scene = Scene::with_groups(gpu, group(), Style::Separate, 1)?;
    let RecordedWork { dispatches: got, waits, .. } = scene.optimizer.recorded_step();
    let pairs = ((most - 3) / 2).min(64);
    assert_eq!((got, waits), (161_usize.div_ceil(pairs) + 1, 0), "with {most} storage buffers");
    assert!(got <= dispatches + 1 || most < 8);
    Ok(())
}

/// No two dispatches that could run side by side write one buffer, whatever the layout, the options and the limits: wgpu lets the second one wait for the
/// first. All parameters have one rule, and scales and masks all or none, since two kernels cannot be one dispatch; and every buffer fits in a binding.
fn nothing_waits(gpu: &Gpu, style: Style) -> Outcome {
    // Clipping by units of any length is one kernel only where branches are skipped.
    let is_software = gpu.device.features().contains(wgpu_optim::wgpu::Features::SHADER_INT64);
    let differ = ["lr-scales", "row-mask", "row-steps"];
    let wanted = |name: &str| !(differ.contains(&name) || is_software && name == "clip-adaptive");
    let alone = FEATURES.iter().filter(|feature| wanted(feature.0)).map(|feature| (feature.0, with(AdamW::default().into(), &[*feature])));
    let clips = ["clip-norm", "clip-adaptive"].into_iter().filter(|clip| wanted(clip));
    let all = clips.map(|clip| (clip, everything(AdamW::default().into(), clip)));
    // Lanes of fewer bits are of 1,024 elements at least, so that with everything at once not all of these small parameters would lie in one page.
    let all = all.map(|(clip, setting)| (clip, with_state_of_f32(setting)));
    for (name, mut setting) in alone.chain(all).chain([("nothing", setting(AdamW::default()))]) {
        let recorded = one_group(gpu, &mut setting, style)?;
        assert_eq!(recorded.map(|recorded| recorded.waits), [0, 0], "{name}: {recorded:?}");
    }
    // The count is seen to see something: two rules over values in one buffer.
    let mut two = setting(AdamW::default());
    two.groups.iter_mut().for_each(keep_small);
    let scene = scene(gpu, &two, style)?;
    assert_eq!(scene.optimizer.recorded_step().waits, usize::from(style != Style::Separate));
    Ok(())
}

fn with_state_of_f32(mut setting: Setting) -> Setting {
    setting.options.state = Default::default();
    setting
}

/// With all states these parameters fit in 64 KiB.
fn keep_small(group: &mut Group<CpuParam>) {
    group.params.retain(|param| param.shape.iter().product::<usize>() < 1000);
}

/// What a step and a micro-batch record for the setting's small parameters, all in its first group.
fn one_group(gpu: &Gpu, setting: &mut Setting, style: Style) -> Result<[RecordedWork; 2], Failed> {
    let others: Vec<_> = setting.groups.drain(1..).flat_map(|group| group.params).collect();
    setting.groups[0].params.extend(others);
    keep_small(&mut setting.groups[0]);
    setting.groups[0].params.iter_mut().for_each(|param| (param.lr_scales, param.row_mask) = (None, None));
    let scene = scene(gpu, setting, style)?;
    Ok([scene.optimizer.recorded_step(), scene.optimizer.recorded_accumulate()])
}

/// For a `Tensors` model of any number of tensors: two dispatches, three if something is measured, whatever else is switched on; and two for a micro-batch.
/// All have one workgroup for each chunk of a tensor, but `prepare` and the count of micro-batches, which have one.
fn three_at_most(gpu: &Gpu) -> Outcome {
    for count in [1, 100, 10_000_u64] {
        let tensors = Tensors::new(&gpu.device, (0..count).map(|index| (format!("{index}"), [1 + index as usize % 100])))?;
        let make = |options| {
            let group = Group::new(AdamW::default(), tensors.params());
            Optimizer::with_options(&gpu.device, &gpu.queue, [group], options)
        };
        let plain = make(Options::default())?;
        assert_eq!(plain.recorded_step(), recorded(2, count + 1));
        assert_eq!(plain.recorded_accumulate(), RecordedWork::default());
        let unmeasured = Options { ema: Some(Default::default()), clip: Clip::Value(1.0), zero_grad: true, ..Options::default() };
        assert_eq!(make(unmeasured)?.recorded_step(), recorded(2, count + 1));
        let all = make(Options {
            clip: Clip::Norm(NormClip::default()),
            loss_scale: wgpu_optim::LossScale::Dynamic(Default::default()),
            non_finite: NonFinite::Skip,
            micro_batches: MicroBatches::Mean,
            zero_grad: true,
            lookahead: Some(Default::default()),
            ema: Some(Default::default()),
            swa: Some(Default::default()),
            measure_update: true,
            state: Default::default(),
        })?;
        assert_eq!(all.recorded_step(), recorded(3, 2 * count + 1));
        assert_eq!(all.recorded_accumulate(), recorded(2, count + 1));
        assert_eq!(all.dispatches(), 3);
    }
    Ok(())
}

/// 1,000 vectors of 1,000: three dispatches more than AdamW's two at most, but with rules that multiply matrices.
fn vectors(gpu: &Gpu) -> Outcome {
    let tensors = Tensors::new(&gpu.device, (0..1000).map(|index| (format!("{index}"), [1000])))?;
    let dispatches = |rule: Box<dyn AnyRule>| -> Result<usize, Failed> {
        let groups = [Group::new(rule, tensors.params())];
        Ok(Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, groups, Options::default())?.dispatches())
    };
    assert_eq!(dispatches(AdamW::default().into())?, 2);
    for rule in rules::all().into_iter().filter(|rule| !rule.orthogonalizes() && !rule.keeps_squares()) {
        let (name, count) = (rule.name().to_owned(), dispatches(rule)?);
        assert!(count <= 2 + 3, "{name}: {count}");
    }
    Ok(())
}

/// For a `Tensors` model of any number of tensors: as many dispatches as a rule has stages, besides `prepare` and what resumes after one.
fn stages(gpu: &Gpu) -> Outcome {
    for count in [1, 100, 1_000] {
        let of = |rule: Box<dyn AnyRule>, shape: &[usize]| -> Result<[usize; 2], Failed> {
            let tensors = Tensors::new(&gpu.device, (0..count).map(|index| (format!("{index}"), shape)))?;
            let recorded = Optimizer::new(&gpu.device, &gpu.queue, rule, tensors.params())?.recorded_step();
            Ok([recorded.dispatches, recorded.waits])
        };
        for shape in [&[1][..], &[300], &[20, 16], &[7, 5]] {
            // `prepare`, `moments`, what resumes, `update`.
            assert_eq!(of(Lamb::default().into(), shape)?, [4, 0], "{count} of {shape:?}");
            // `prepare`, `squares`, `average_rows`, `average_columns`, `deltas`, what resumes, `update`; vectors have neither rows nor columns.
            let expected = if shape.len() > 1 { 7 } else { 4 };
            assert_eq!(of(Adafactor::default().into(), shape)?, [expected, 0], "{count} of {shape:?}");
        }
    }
    Ok(())
}

/// Nor do two that form sums, where one kernel serves all tensors: Adafactor has one for vectors, and others for matrices.
fn no_stage_waits(gpu: &Gpu, style: Style) -> Outcome {
    let tensors = |shapes: &[&[usize]]| -> Vec<CpuParam> {
        shapes.iter().cycle().take(40).enumerate().map(|(index, shape)| CpuParam::new(format!("p{index}"), shape)).collect()
    };
    let (vectors, matrices) = (tensors(&[&[1], &[7], &[300], &[0], &[64]]), tensors(&[&[3, 4], &[1, 8], &[2, 5, 12], &[20, 16]]));
    let settings: [(Box<dyn AnyRule>, &Vec<CpuParam>); 4] = [
        (Lamb::default().into(), &vectors),
        (Lamb::default().into(), &matrices),
        (Adafactor::default().into(), &vectors),
        (Adafactor::default().into(), &matrices),
    ];
    for (rule, params) in settings {
        let name = rule.name();
        let scene = Scene::with_options(gpu, vec![Group::new(rule, params.clone())], Options::default(), style, 1)?;
        let recorded = scene.optimizer.recorded_step();
        assert_eq!(recorded.waits, 0, "{name} of {:?}: {recorded:?}", params[0].shape);
    }
    Ok(())
}

/// So many dispatches, each with a pipeline and a bind group of its own, and all but one over rows, with the group of the table's version for each kind of these.
fn recorded(dispatches: usize, workgroups: u64) -> RecordedWork {
    RecordedWork { pipelines: dispatches, bind_groups: 2 * dispatches - 1, dispatches, workgroups, waits: 0 }
}
