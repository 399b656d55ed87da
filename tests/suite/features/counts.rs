//! How many dispatches a step is, counted as they are recorded.

use std::sync::Arc;

use libtest_mimic::Trial;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::{AdamW, Clip, Group, MicroBatches, NonFinite, NormClip, Optimizer, Options, Recorded, Tensors};

use crate::context::{Context, Outcome};

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    vec![contexts[1].trial("features/counts/three-at-most".into(), three_at_most)]
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
        assert_eq!(plain.recorded_accumulate(), Recorded::default());
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
        })?;
        assert_eq!(all.recorded_step(), recorded(3, 2 * count + 1));
        assert_eq!(all.recorded_accumulate(), recorded(2, count + 1));
        assert_eq!(all.dispatches(), 3);
    }
    Ok(())
}

/// So many dispatches, each with a pipeline and a bind group of its own.
fn recorded(dispatches: usize, workgroups: u64) -> Recorded {
    Recorded { pipelines: dispatches, bind_groups: dispatches, dispatches, workgroups }
}
