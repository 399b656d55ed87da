//! Draws what sequences are made of: rules, groups, clips, schedules, options.

use wgpu_optim::cpu::CpuParam;
use wgpu_optim::rule::AnyRule;
use wgpu_optim::schedule::Schedule;
use wgpu_optim::testing::Random;
use wgpu_optim::{
    Adafactor, AdamW, Adan, AdaptiveClip, Clip, DynamicScale, Ema, Group, Lamb, Lion, Lookahead, LossScale, MicroBatches, NAdam, NonFinite,
    NormClip, NormOrder, NormScope, Options, RmsProp, ScheduleFreeAdamW, Sgd, Swa,
};

/// Draws everything that a sequence is made of.
pub struct Draw(pub Random);

impl Draw {
    pub fn below(&mut self, n: usize) -> usize {
        (self.0.bits() % n as u64) as usize
    }

    pub fn chance(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }

    pub fn of<T: Clone>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())].clone()
    }

    fn rule(&mut self, may_track_values: bool) -> Box<dyn AnyRule> {
        match self.below(9) {
            7 => Lamb { lr: 1e-2, weight_decay: 0.1, ..Lamb::default() }.into(),
            8 => Adafactor { weight_decay: 0.1, ..Adafactor::default() }.into(),
            0 => AdamW { lr: 1e-2, ..AdamW::default() }.into(),
            1 => Adan { lr: 1e-2, weight_decay: 0.1, ..Adan::default() }.into(),
            2 => Lion { lr: 1e-2, weight_decay: 0.1, ..Lion::default() }.into(),
            3 => RmsProp { momentum: 0.9, centered: true, weight_decay: 0.1, ..RmsProp::default() }.into(),
            4 => NAdam { lr: 1e-2, ..NAdam::default() }.into(),
            5 if may_track_values => ScheduleFreeAdamW { lr: 1e-2, ..ScheduleFreeAdamW::default() }.into(),
            _ => Sgd { lr: 0.05, momentum: 0.9, weight_decay: 0.1, ..Sgd::default() }.into(),
        }
    }

    pub fn clip(&mut self) -> Clip {
        match self.below(6) {
            0 => Clip::None,
            1 => Clip::Value(0.3),
            2 | 3 => Clip::Norm(NormClip {
                max_norm: self.of(&[0.5, 3.0, f64::INFINITY]),
                order: self.of(&[NormOrder::Two, NormOrder::Infinity]),
                over: self.of(&[NormScope::All, NormScope::Group, NormScope::Parameter]),
                eps: self.of(&[0.0, 1e-6]),
            }),
            _ => Clip::Adaptive(AdaptiveClip { clipping: 0.2, eps: 1e-2 }),
        }
    }

    pub fn schedule(&mut self) -> Schedule {
        match self.below(3) {
            0 => Schedule::Constant(0.01),
            1 => Schedule::Cosine { from: 1e-2, to: 1e-3, steps: 5 },
            _ => Schedule::Sequence(vec![
                (2, Schedule::Linear { from: 1e-4, to: 1e-2, steps: 2 }),
                (1, Schedule::Exponential { from: 1e-2, gamma: 0.8 }),
            ]),
        }
    }

    pub fn group(&mut self, first: usize, options: &Options) -> Group<CpuParam> {
        let rule = self.rule(options.lookahead.is_none());
        let shapes: [&[usize]; 19] = [
            &[1],
            &[3],
            &[5, 7],
            &[],
            &[4, 1],
            &[257],
            &[4097],
            &[2, 600],
            &[3, 5000],
            &[16, 511],
            &[16, 512],
            &[64, 513],
            &[3, 4095],
            &[3, 4096],
            &[3, 4097],
            &[100, 2, 50],
            &[640, 7],
            &[10],
            &[1, 1, 9000],
        ];
        let count = 1 + self.below(5);
        let params = (0..count).map(|index| {
            let shape = self.of(&shapes);
            let mut param = CpuParam::new(format!("p{}", first + index), shape);
            param.lr_scale = self.of(&[1.0, 1.0, 0.5, 3.0, 0.01]);
            if !rule.tracks_values() && self.chance(3) {
                let of: Vec<usize> = match self.below(3) {
                    0 => shape.to_vec(),
                    1 => shape.iter().enumerate().map(|(at, &size)| if at == 0 { size } else { 1 }).collect(),
                    _ => shape.iter().enumerate().map(|(at, &size)| if at + 1 == shape.len() { size } else { 1 }).collect(),
                };
                param.lr_scales = Some(((0..of.iter().product()).map(|i: usize| [1.0, 0.25, 0.01, 0.7, 0.1][i % 5]).collect(), of));
            }
            param
        });
        let mut group = Group::new(rule.clone(), params.collect::<Vec<_>>());
        if self.chance(2) {
            group.clip = Some(self.clip());
        }
        if self.chance(3) {
            group.schedules.push(("lr".into(), self.schedule()));
        }
        group
    }

    pub fn options(&mut self) -> Options {
        Options {
            clip: self.clip(),
            loss_scale: match self.below(3) {
                0 => LossScale::None,
                1 => LossScale::Static(3000.0),
                _ => LossScale::Dynamic(DynamicScale { init: 1024.0, growth: 4.0, backoff: 0.25, interval: 2 }),
            },
            non_finite: self.of(&[NonFinite::Apply, NonFinite::Skip]),
            micro_batches: self.of(&[MicroBatches::One, MicroBatches::Sum, MicroBatches::Mean]),
            zero_grad: self.chance(2),
            lookahead: self.chance(3).then_some(Lookahead { every: 2, alpha: 0.3 }),
            ema: self.chance(2).then_some(Ema {
                decay: 0.6,
                warm_up: self.chance(2),
                debias: false,
                start: 1 + self.below(3) as u32,
                every: 1 + self.below(2) as u32,
            }),
            swa: self.chance(3).then_some(Swa { start: 2, every: 2 }),
            measure_update: self.chance(2),
            state: Default::default(),
        }
    }
}
