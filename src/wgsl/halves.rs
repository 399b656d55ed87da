//! How kernels reach values and gradients of 16 bits in the caller's arrays. Each invocation owns whole words, but where rows of tiles begin within them: there halves are exchanged by
//! atomic operations.

use super::accessor;
use super::arrays::{STORE_COPY_HALVES, STORE_COPY_SHARED};
use crate::program::{Access, Array, Kind};
use crate::storage::Format;

const LOAD: &str = include_str!("../../shaders/storage/load_halves.wgsl");
const STORE: &str = include_str!("../../shaders/storage/store_halves.wgsl");
const LOAD_WORD: &str = include_str!("../../shaders/storage/load_halves_word.wgsl");
const WORDS: &str = include_str!("../../shaders/access/words.wgsl");
const WORDS_READ: &str = include_str!("../../shaders/access/words_read.wgsl");
const WORDS_SHARED: &str = include_str!("../../shaders/access/words_shared.wgsl");
const LOAD_SCALAR: &str = include_str!("../../shaders/access/load_scalar_word.wgsl");
const STORE_SCALAR: &str = include_str!("../../shaders/access/store_scalar_word.wgsl");

/// The accessor of an array of pairs of words with numbers of 16 bits, four of them at a time: `load_NAME`.
pub(crate) fn halves_of_pairs(name: &str) -> String {
    accessor(LOAD, name, name)
}

/// The accessors of an array of words with numbers of 16 bits: `half_of_NAME`, of any one of them.
pub(crate) fn halves_of_words(name: &str) -> String {
    accessor(WORDS_READ, name, name) + &accessor(LOAD_WORD, name, name)
}

/// Four numbers of this format, from a place of an array on.
pub(super) fn decoded(format: Format, array: usize, at: &str) -> String {
    match format.packed() {
        None => format!("load_array{array}({at}, left)"),
        Some(packed) => format!("decoded_{}(load_halves_array{array}({at}, left))", packed.name()),
    }
}

/// Stores four numbers in this format, from a place of an array on: those that there are and that a step looks at. Rounding goes by `drawn`: salt, step and element.
pub(super) fn encoded(format: Format, array: usize, (at, x): (&str, &str), drawn: &str) -> String {
    match format.packed() {
        None => format!("store_array{array}({at}, left, {x}, old)"),
        Some(packed) => {
            let wanted = "(vec4u(0u, 1u, 2u, 3u) < vec4u(left)) & looked_at()";
            format!("store_halves_array{array}({at}, encoded_{}({x}, {drawn}), {wanted})", packed.name())
        }
    }
}

/// Whether halves of a word may be written by different invocations.
fn is_shared(kind: &Kind, written: bool) -> bool {
    kind.uneven && written
}

/// The element type of an array with numbers of 16 bits.
pub(super) fn element(array: &Array, kind: &Kind, written: bool) -> &'static str {
    match array.access {
        _ if is_shared(kind, written) => "atomic<u32>",
        Access::Scalar => "u32",
        _ => "vec2u",
    }
}

/// The accessors of an array with numbers of 16 bits, and with f32 where it has these too.
pub(super) fn access(array: &Array, kind: &Kind, written: bool, name: &str) -> String {
    let has = |of: fn(Format) -> bool| (array.values && of(kind.values)) || (array.gradients && of(kind.gradients));
    let halves = format!("halves_{name}");
    let of = |text: &str| accessor(text, &halves, name);
    if array.access != Access::Scalar && !is_shared(kind, written) {
        return of(LOAD) + &if written { of(STORE) } else { String::new() };
    }
    let (words, store) = match (is_shared(kind, written), written) {
        (true, _) => (WORDS_SHARED, STORE_COPY_SHARED),
        (false, true) => (WORDS, STORE_COPY_HALVES),
        (false, false) => (WORDS_READ, ""),
    };
    // Words are an array's, whatever numbers they have.
    let named = |text: String| text.replace(&format!("word_of_{halves}("), &format!("word_of_{name}("));
    let mut text = accessor(words, name, name) + &named(of(LOAD_WORD) + &of(store));
    if has(|format| format == Format::F32) {
        text += &accessor(LOAD_SCALAR, name, name);
        if written {
            text += &accessor(STORE_SCALAR, name, name);
        }
    }
    text
}
