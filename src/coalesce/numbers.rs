//! How kernels read gradient rows: four numbers at a time or one by one, in f32 or in 16 bits. Sums are of f32, to which 16 bits are converted without a loss.

use crate::storage::{Dtype, Format};
use crate::wgsl::{halves_of_pairs, halves_of_words};

/// What an array of gradient rows holds, and how it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Numbers {
    pub(super) format: Format,
    /// Whether four numbers at a time.
    pub(super) vectors: bool,
}

impl Numbers {
    /// Of rows of so many numbers from this one of their binding on: vectors where these serve all rows.
    pub(super) fn of(dtype: Dtype, width: u32, first: u32) -> Self {
        Numbers { format: dtype.format(false), vectors: width.is_multiple_of(4) && first.is_multiple_of(4) }
    }

    /// The same numbers in f32.
    pub(super) fn in_f32(self) -> Self {
        Numbers { format: Format::F32, ..self }
    }

    /// How many numbers an element of kernels has.
    pub(super) fn by(self) -> u32 {
        if self.vectors { 4 } else { 1 }
    }

    /// `Element`, which sums are of.
    pub(super) fn element(self) -> String {
        format!("alias Element = {};\n", if self.vectors { "vec4f" } else { "f32" })
    }

    /// The type of the array `gradient`.
    pub(super) fn array(self) -> &'static str {
        match (self.format.packed(), self.vectors) {
            (None, _) => "array<Element>",
            (Some(_), true) => "array<vec2u>",
            (Some(_), false) => "array<u32>",
        }
    }

    /// `gradient_at`, an element of that array, and what it needs.
    pub(super) fn load(self) -> String {
        let Some(packed) = self.format.packed() else { return "fn gradient_at(i: u32) -> Element {\n    return gradient[i];\n}\n".into() };
        let (text, load) = match self.vectors {
            true => (halves_of_pairs("gradient"), "load_gradient(4u * i, 4u))"),
            false => (halves_of_words("gradient"), "vec4u(half_of_gradient(i))).x"),
        };
        let load = format!("fn gradient_at(i: u32) -> Element {{\n    return decoded_{}({load};\n}}\n", packed.name());
        packed.wgsl().concat() + &text + &load
    }

    /// What kernels over it are called.
    pub(super) fn name(self) -> String {
        let numbers = if self.vectors { "vectors" } else { "numbers" };
        self.format.packed().map_or(numbers.to_owned(), |packed| format!("{numbers} in {}", packed.name()))
    }

    /// All that there are.
    pub(super) fn all() -> impl Iterator<Item = Numbers> {
        let formats = [Dtype::F32, Dtype::Bf16, Dtype::F16].map(|dtype| dtype.format(false));
        formats.into_iter().flat_map(|format| [true, false].map(|vectors| Numbers { format, vectors }))
    }
}

#[cfg(test)]
mod tests {
    use super::Numbers;
    use crate::storage::Dtype;

    #[test]
    fn vectors_serve_whole_rows_from_a_vector_on() {
        let vectors = |width, first| Numbers::of(Dtype::Bf16, width, first).vectors;
        assert_eq!([vectors(8, 4), vectors(8, 2), vectors(6, 4), vectors(3, 0)], [true, false, false, false]);
        assert_eq!(Numbers::all().count(), 6);
    }
}
