//! The same on slices. Twin of `shaders/coalesce`: the same sums, in the same order.

use super::{LANES, MANY};
use crate::rule::Real;

/// The runs of some entries.
#[derive(Clone, Debug, PartialEq)]
pub struct Coalesced<F> {
    /// The rows, ascending.
    pub unique: Vec<u32>,
    /// For each the sum of its gradient rows.
    pub summed: Vec<F>,
    /// Entries whose row the parameter does not have.
    pub bad: usize,
}

/// Adds up gradient rows of so many elements that are for the same row of a parameter of so many rows. Entries without a whole gradient row do not count.
pub fn coalesce<F: Real>(parameter_rows: u32, width: usize, rows: &[u32], gradient: &[F]) -> Coalesced<F> {
    let count = rows.len().min(gradient.len().checked_div(width).unwrap_or(0));
    let mut entries: Vec<usize> = (0..count).filter(|&entry| rows[entry] < parameter_rows).collect();
    let bad = count - entries.len();
    entries.sort_by_key(|&entry| rows[entry]);
    let mut coalesced = Coalesced { unique: Vec::new(), summed: Vec::new(), bad };
    for run in entries.chunk_by(|&a, &b| rows[a] == rows[b]) {
        coalesced.unique.extend(run.first().map(|&entry| rows[entry]));
        coalesced.summed.extend((0..width).map(|column| of_run(run, |entry| gradient[entry * width + column])));
    }
    coalesced
}

/// The sum of what these entries have.
fn of_run<F: Real>(run: &[usize], gradient: impl Fn(usize) -> F) -> F {
    if run.len() <= MANY as usize {
        return in_order(run.iter().map(|&entry| gradient(entry)));
    }
    let lane = |lane: usize| in_eights(&run.iter().skip(lane).step_by(LANES as usize).map(|&entry| gradient(entry)).collect::<Vec<_>>());
    in_eights(&(0..LANES as usize).map(lane).collect::<Vec<_>>())
}

fn in_eights<F: Real>(numbers: &[F]) -> F {
    in_order(numbers.chunks(8).map(|eight| in_order(eight.iter().copied())))
}

/// From the first one on: a zero before it would take the sign of a negative zero.
fn in_order<F: Real>(numbers: impl Iterator<Item = F>) -> F {
    numbers.reduce(|sum, x| sum + x).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Bounded;

    #[test]
    fn rows_come_in_order_and_their_gradients_are_added() {
        let rows = [3, 0, 3, 9, 1, 3];
        let gradient: Vec<f32> = (0..12_u8).map(f32::from).collect();
        let expected = Coalesced { unique: vec![0, 1, 3], summed: vec![2.0, 3.0, 8.0, 9.0, 14.0, 17.0], bad: 1 };
        assert_eq!(coalesce(9, 2, &rows, &gradient), expected);
        assert_eq!(coalesce::<f32>(9, 2, &[], &[]), Coalesced { unique: vec![], summed: vec![], bad: 0 });
        assert_eq!(coalesce(0, 2, &rows, &gradient).bad, 6);
    }

    #[test]
    fn one_entry_keeps_its_bits_and_few_are_added_in_order() {
        let one = coalesce(1, 2, &[0], &[-0.0_f32, f32::MIN_POSITIVE / 2.0]);
        assert_eq!(one.summed.iter().map(|x| x.to_bits()).collect::<Vec<_>>(), [0x8000_0000, 0x0040_0000]);
        let three = coalesce(1, 1, &[0, 0, 0], &[1e8_f32, -1e8, 1.0]);
        assert_eq!(three.summed, [1.0]);
        assert_eq!(coalesce(1, 1, &[0, 0, 0], &[1.0_f32, 1e8, -1e8]).summed, [0.0]);
    }

    /// One after the other they are off by 1.4e-4.
    #[test]
    fn many_entries_are_added_accurately() {
        let gradient = vec![0.1_f32; 100_000];
        let off = |sum: f32| (f64::from(sum) / (1e5 * f64::from(0.1_f32)) - 1.0).abs();
        let summed = coalesce(1, 1, &vec![0; 100_000], &gradient).summed[0];
        let plain = in_order(gradient.iter().copied());
        assert!(off(summed) < 1e-5 && off(plain) > 1e-4, "{:e} {:e}", off(summed), off(plain));
        let bounded: Vec<Bounded> = gradient.iter().map(|&x| Bounded::given(x)).collect();
        let truth = coalesce(1, 1, &vec![0; 100_000], &bounded).summed[0];
        assert!((f64::from(summed) - truth.value).abs() <= truth.error);
    }
}
