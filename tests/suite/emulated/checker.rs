//! What the kernels once had, or could have: correct where f32 is IEEE's, and seen to fail in the arithmetic of other adapters.

use libtest_mimic::Trial;
use wgpu_optim::step::StepKind;
use wgpu_optim::testing::must_fail;
use wgpu_optim::wgsl;

use super::{agrees, are_within_ulps, clip, ends_are_exact, huge_fromage};
use crate::context::Outcome;
use crate::schedules;

/// A name, a part of the kernel, and what stands there instead.
type Mistake = (&'static str, &'static str, &'static str);

const OF_SCHEDULES: [Mistake; 2] = [
    // Its correction was a product that SwiftShader and an H200 flush.
    (
        "exponential-by-flushed-products",
        "return narrow(Wide(scaled.significand + scaled.significand * exp_series(r), scaled.exponent + i32(k)));",
        "let once = start * two_power(i32(k) / 2) * two_power(i32(k) - i32(k) / 2);\n    return once + once * exp_series(r);",
    ),
    (
        "shares-by-flushed-products",
        "return narrow(wide_sum(wide_product(wide(a), share), wide_product(wide(b), Wide(others, 0))));",
        "return a * narrow(share) + b * others;",
    ),
];

/// An end by shares of 1 and 0 is as far off as the division is.
const OF_ENDS: [Mistake; 2] = [
    ("computed-beginnings", "if k == 0u && piece.head == 0.0 {", "if false {"),
    (
        "computed-ends",
        "if k == piece.end && piece.tail == 0.0 {",
        "if k == piece.end && piece.tail == 0.0 && piece.shape != SCHEDULE_Exponential {",
    ),
];

const OF_CLIPS: [Mistake; 3] = [
    (
        "factors-that-are-flushed",
        "return select(plain, -narrow(Wide(factor.significand, factor.exponent + 126)), plain == 0.0);",
        "return plain;",
    ),
    ("norms-that-saturate", "return wide_product(length, wide(scale));", "return wide(narrow(wide_product(length, wide(scale))));"),
    ("roots-by-a-flushed-half", "return y + y * (0.5 - (0.5 * y) * (x * y));", "return y + y * (0.5 - 0.5 * x * y * y);"),
];

const OF_QUOTIENTS: [Mistake; 1] =
    [("quotients-by-flushed-reciprocals", "let scale = select(1.0, 9.094947e-13, abs(b) > 1.0141205e31);", "let scale = 1.0;")];

pub fn trials() -> Vec<Trial> {
    let row = |(name, part, instead): Mistake, source: fn() -> String, check: fn(&str) -> Outcome| {
        Trial::test(format!("emulated/checker/{name}"), move || {
            let wrong = source().replace(part, instead);
            assert_ne!(wrong, source(), "no {part} in the kernel");
            Ok(must_fail(name, check(&wrong))?)
        })
    };
    let schedules = |source: &str| schedules::cases().iter().try_for_each(|(_, schedule)| agrees(source, schedule));
    let clips = |source: &str| clip::by_norm(source, 2);
    let of_schedules = OF_SCHEDULES.map(|mistake| row(mistake, schedules::source, schedules));
    let of_ends = OF_ENDS.map(|mistake| row(mistake, schedules::source, ends_are_exact));
    let of_clips = OF_CLIPS.map(|mistake| row(mistake, clip::source, clips));
    let of_fromage = || wgsl::prepare(&huge_fromage(), 0, 256, &StepKind::default()).source;
    let of_quotients = OF_QUOTIENTS.map(|mistake| row(mistake, of_fromage, |source| are_within_ulps(&huge_fromage(), source)));
    of_schedules.into_iter().chain(of_ends).chain(of_clips).chain(of_quotients).collect()
}
