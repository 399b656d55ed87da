//! The comparison that everything rests on, seen to fail where it should.

use libtest_mimic::Trial;
use wgpu_optim::rule::Bounded;
use wgpu_optim::step::StepKind;
use wgpu_optim::testing::{compare, module, must_fail, same_bits};
use wgpu_optim::wgsl;

fn case() -> (Vec<f32>, Vec<Bounded>) {
    let truth: Vec<Bounded> = (0..37).map(|i| Bounded { value: f64::from(i).sin(), error: 1e-6 }).collect();
    (truth.iter().map(|truth| truth.value as f32).collect(), truth)
}

pub fn trials() -> Vec<Trial> {
    let spoiled = |what: &'static str, spoil: fn(&mut Vec<f32>)| {
        Trial::test(format!("checker/{what}"), move || {
            let (mut got, truth) = case();
            compare(what, &got, &truth)?;
            spoil(&mut got);
            Ok(must_fail(what, compare(what, &got, &truth))?)
        })
    };
    vec![
        spoiled("nan", |got| got[20] = f32::NAN),
        spoiled("infinity", |got| got[0] = f32::INFINITY),
        spoiled("wrong-last-element", |got| got[36] += 1e-5),
        spoiled("one-and-a-half-tolerances", |got| got[7] += 1.5e-6),
        spoiled("swapped-buffer", |got| got.reverse()),
        spoiled("untouched-buffer", |got| got.fill(0.0)),
        spoiled("short-buffer", |got| got.truncate(36)),
        Trial::test("checker/unbounded-truth", || {
            let (got, mut truth) = case();
            truth[3].error = f64::INFINITY;
            Ok(must_fail("an infinite tolerance", compare("unbounded", &got, &truth))?)
        }),
        Trial::test("checker/bits-of-zero", || Ok(must_fail("-0 for 0", same_bits("zero", &[-0.0], &[0.0]))?)),
        Trial::test("checker/invalid-kernel", || {
            let broken = wgsl::prepare(&wgpu_optim::Adam::default(), 0, 256, &StepKind::default()).source.replacen(
                "Scalars(step_size,",
                "Scalars(x,",
                1,
            );
            Ok(must_fail("an undefined name", module(&broken))?)
        }),
    ]
}
