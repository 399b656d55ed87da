//! Both executors run one program: the same passes, in the same order, whatever the rules and the options.

use std::sync::Arc;

use libtest_mimic::Trial;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::program::Pass;
use wgpu_optim::testing::Style;
use wgpu_optim::{Adafactor, Lamb, rules};

use crate::context::{Context, Outcome};
use crate::features::pairs::{FEATURES, Setting, everything, scene, setting, with};

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    vec![contexts[0].trial("program/one-for-both-executors".into(), one_for_both), contexts[0].trial("program/order".into(), order)]
}

fn one_for_both(gpu: &Gpu) -> Outcome {
    let alone = FEATURES.iter().map(|feature| with(Lamb::default().into(), &[*feature]));
    let all = rules::all().into_iter().map(setting);
    for setting in alone.chain(all).chain([everything(Adafactor::default().into(), "clip-adaptive")]) {
        let scene = scene(gpu, &setting, Style::Tensors)?;
        assert_eq!(scene.optimizer.passes(), scene.twin.passes(), "{:?}", setting.options);
    }
    Ok(())
}

/// The order itself, written out once.
fn order(gpu: &Gpu) -> Outcome {
    let passes = |setting: &Setting| Ok::<_, libtest_mimic::Failed>(scene(gpu, setting, Style::Tensors)?.optimizer.passes().to_vec());
    // The second group runs SGD.
    let lamb = [Pass::Prepare(0), Pass::Prepare(1), Pass::Stage(0), Pass::Resume { rule: 0, stage: 0 }, Pass::Update];
    assert_eq!(passes(&setting(Lamb::default()))?, lamb);
    let (squares, rows, columns, deltas) = (Pass::Stage(0), Pass::Lines(1), Pass::Lines(2), Pass::Stage(3));
    let adafactor = [Pass::Prepare(0), Pass::Prepare(1), squares, rows, columns, deltas, Pass::Resume { rule: 0, stage: 3 }, Pass::Update];
    assert_eq!(passes(&setting(Adafactor::default()))?, adafactor);
    let norm = FEATURES.iter().copied().filter(|feature| feature.0 == "clip-norm").collect::<Vec<_>>();
    assert_eq!(passes(&with(Lamb::default().into(), &norm))?, [&[Pass::Measure][..], &lamb].concat());
    Ok(())
}
