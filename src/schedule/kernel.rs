//! The WGSL text that evaluates schedules on the GPU.

use crate::rule::Layout;

use super::piece::{Piece, Shape};

const SCHEDULE: &str = include_str!("../../shaders/lib/schedule.wgsl");

/// How many words of [`words`](super::Schedule::words) a piece has; the first is its length in steps, 2^32 - 1 for the last one, which never ends.
pub const WORDS: usize = Piece::<f64>::FIELDS.len();

/// The WGSL text that evaluates schedules: `fn schedule(at: u32, step: u32) -> f32`, for the schedule whose [`words`](super::Schedule::words)
/// begin at word `at` of a storage buffer declared as `schedules: array<u32>`. The functions of `shaders/lib/numerics.wgsl` have to be in
/// scope; its own names begin with `schedule` or `Schedule`.
///
/// Errors relative to [`value`](super::Schedule::value), at worst over the first 10^7 steps, on Mesa's llvmpipe: cosines 5e-7, polynomials 3e-7
/// (5e-7 for a power of 10), inverse roots and one minus roots 2.2e-7, lines 2e-7, exponentials 1.4e-7.
pub fn wgsl() -> String {
    let fields = Piece::<f64>::FIELDS;
    let members: Vec<String> = fields.iter().map(|field| format!("{}: {}", field.name, field.wgsl)).collect();
    let words = fields.iter().enumerate().map(|(index, field)| match field.wgsl {
        "u32" => format!("schedules[at + {index}u]"),
        wgsl => format!("bitcast<{wgsl}>(schedules[at + {index}u])"),
    });
    let words: Vec<String> = words.collect();
    let shapes = Shape::ALL.map(|shape| format!("const SCHEDULE_{shape:?}: u32 = {}u;\n", shape as u32)).concat();
    format!(
        "{shapes}const SCHEDULE_WORDS: u32 = {}u;\nstruct SchedulePiece {{ {} }}\n\
         fn schedule_piece(at: u32) -> SchedulePiece {{\n    return SchedulePiece({});\n}}\n\n{SCHEDULE}",
        WORDS,
        members.join(", "),
        words.join(", ")
    )
}
