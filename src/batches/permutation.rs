//! The order of an epoch. Twin of `shaders/batches/permutation.wgsl`, integers only, so the same bits everywhere.
//!
//! `permute(key, rows, place)` is a permutation of `0..rows` of which any place can be asked for alone: nothing is stored, sorted or
//! uploaded. A Feistel network permutes the next power of two, and a result outside is permuted again until it is inside ("cycle
//! walking", fewer than two turns on average): Black and Rogaway, "Ciphers with Arbitrary Finite Domains" (CT-RSA 2002, doi
//! 10.1007/3-540-45760-7_9). As a shuffle for GPUs: Mitchell et al., "Bandwidth-Optimal Random Shuffling for GPUs" (arXiv 2106.06161).
//! The halves need not be equally long, since each round changes one by a function of the other. It is no cipher: who sees
//! the order can find the seed.

/// Rounds of the network. Small sets need them: with 12, the 120 orders of five rows are so unequally frequent that chi-square over 200
/// draws of each is 47 standard deviations off, with 16 it is 5, with 24 it is not seen to be off. From 255 rows on, 8 are enough.
const ROUNDS: u32 = 24;

/// 2^32 over the golden ratio: keeps the rounds' keys apart.
const GOLDEN: u32 = 0x9e37_79b9;

/// `lowbias32`, a bijection in which every bit depends on every other: Wellons, "Prospecting for Hash Functions"
/// (<https://nullprogram.com/blog/2018/07/31/>).
fn hash(x: u32) -> u32 {
    let mut h = x;
    h ^= h >> 16;
    h = h.wrapping_mul(0x7feb_352d);
    h ^= h >> 15;
    h = h.wrapping_mul(0x846c_a68b);
    h ^= h >> 16;
    h
}

/// The key of an epoch's order. Both words are bijections of the epoch, so no two epochs of a seed have the same key.
pub(super) fn epoch_key(seed: [u32; 2], epoch: u32) -> [u32; 2] {
    let high = hash(hash(hash(seed[0]).wrapping_add(seed[1])).wrapping_add(epoch));
    let low = hash(hash(hash(seed[1] ^ GOLDEN).wrapping_add(seed[0])).wrapping_add(epoch));
    [high, low]
}

/// A permutation of `0..2^bits`.
fn feistel(key: [u32; 2], bits: u32, x: u32) -> u32 {
    let low_bits = bits.div_ceil(2);
    let high_mask = (1_u32 << (bits - low_bits)) - 1;
    let low_mask = (1_u32 << low_bits) - 1;
    let mut high = x >> low_bits;
    let mut low = x & low_mask;
    for round in (0..ROUNDS).step_by(2) {
        high ^= hash(low ^ key[0].wrapping_add((round + 1).wrapping_mul(GOLDEN))) & high_mask;
        low ^= hash(high ^ key[1].wrapping_add((round + 2).wrapping_mul(GOLDEN))) & low_mask;
    }
    (high << low_bits) | low
}

/// The row at a place of the order; `place < rows`.
pub(super) fn permute(key: [u32; 2], rows: u32, place: u32) -> u32 {
    let bits = 32 - (rows - 1).leading_zeros();
    let mut row = feistel(key, bits, place);
    while row >= rows {
        row = feistel(key, bits, row);
    }
    row
}

#[cfg(test)]
mod tests {
    use super::{epoch_key, feistel, permute};

    fn order(seed: u32, epoch: u32, rows: u32) -> Vec<u32> {
        let key = epoch_key([seed, 0], epoch);
        (0..rows).map(|place| permute(key, rows, place)).collect()
    }

    #[test]
    fn every_row_once() {
        for rows in (1..300).chain([1797, 4096, 4097, 70_000]) {
            let mut sorted = order(3, rows, rows);
            sorted.sort_unstable();
            assert!(sorted.into_iter().eq(0..rows), "{rows} rows");
        }
    }

    /// What was saved has to mean the same rows in every version.
    #[test]
    fn orders_stay_as_they_are() {
        assert_eq!(order(7, 0, 10), [9, 7, 5, 1, 3, 8, 2, 4, 0, 6]);
        let key = epoch_key([1, 2], 3);
        assert_eq!([4, 5, 6, 7].map(|place| permute(key, 70_000, place)), [14_364, 28_975, 11_549, 13_369]);
    }

    /// All that 32 bits count: the widest halves are 16 bits.
    #[test]
    fn the_largest_set_stays_inside() {
        let key = epoch_key([1, 2], 3);
        assert!((0..1000).all(|place| permute(key, u32::MAX, place) < u32::MAX));
        assert_ne!(feistel(key, 32, 0), feistel(key, 32, u32::MAX));
    }

    /// Chi-square of observed counts against those that are as their weights, in standard deviations from its mean.
    fn deviations(counts: &[f64], weights: &[f64], freedom: f64) -> f64 {
        let scale = counts.iter().sum::<f64>() / weights.iter().sum::<f64>();
        let chi_square: f64 = counts.iter().zip(weights).map(|(count, weight)| (count - scale * weight).powi(2) / (scale * weight)).sum();
        (chi_square - freedom) / (2.0 * freedom).sqrt()
    }

    /// The number of a permutation among all of its length (Lehmer's code).
    fn rank(order: &[u32]) -> usize {
        let smaller = |(i, row): (usize, &u32)| order[i + 1..].iter().filter(|later| *later < row).count();
        order.iter().enumerate().fold(0, |rank, (i, row)| rank * (order.len() - i) + smaller((i, row)))
    }

    #[test]
    fn every_order_of_a_small_set_is_equally_frequent() {
        for (rows, orders) in [(2, 2), (3, 6), (4, 24), (5, 120), (6, 720)] {
            let draws = (100 * orders).max(10_000);
            let (mut by_epoch, mut by_seed) = (vec![0.0; orders], vec![0.0; orders]);
            for draw in 0..draws as u32 {
                by_epoch[rank(&order(7, draw, rows))] += 1.0;
                by_seed[rank(&order(draw, 3, rows))] += 1.0;
            }
            for counts in [by_epoch, by_seed] {
                let deviations = deviations(&counts, &vec![1.0; orders], orders as f64 - 1.0);
                assert!(deviations.abs() < 4.0, "{rows} rows: {deviations} standard deviations");
            }
        }
    }

    /// How far pairs are from even among 15 x 15 bins; `distinct` ones are never of a row and itself.
    fn unevenness(rows: u32, pairs: impl Iterator<Item = (u32, u32)>, distinct: bool) -> f64 {
        const BINS: usize = 15;
        let bin = |row: u32| row as usize * BINS / rows as usize;
        let mut sizes = [0.0; BINS];
        (0..rows).for_each(|row| sizes[bin(row)] += 1.0);
        let mut counts = [0.0; BINS * BINS];
        pairs.for_each(|(a, b)| counts[BINS * bin(a) + bin(b)] += 1.0);
        let weight = |i: usize| sizes[i / BINS] * (sizes[i % BINS] - f64::from(u8::from(distinct && i / BINS == i % BINS)));
        let weights: Vec<f64> = (0..BINS * BINS).map(weight).collect();
        // Every row is somewhere once, so the sums of the table's rows and columns are given.
        deviations(&counts, &weights, ((BINS - 1) * (BINS - 1)) as f64)
    }

    /// Where rows go, what follows what, how far they move (a third of the set on average) and how many stay (one on average).
    #[test]
    fn a_large_set_is_well_mixed() {
        for (rows, epochs) in [(255, 400), (1797, 60), (70_000, 3)] {
            let orders: Vec<Vec<u32>> = (0..epochs).map(|epoch| order(1, epoch, rows)).collect();
            let places = || orders.iter().flat_map(|order| (0..).zip(order.iter().copied()));
            let successors = orders.iter().flat_map(|order| order.windows(2).map(|pair| (pair[0], pair[1])));
            for deviations in [unevenness(rows, places(), false), unevenness(rows, successors, true)] {
                assert!(deviations.abs() < 4.0, "{rows} rows: {deviations} standard deviations");
            }
            let (epochs, draws) = (f64::from(epochs), f64::from(rows) * f64::from(epochs));
            // |a - b| of two uniform numbers has mean 1/3 and standard deviation 1/sqrt(18).
            let moved = places().map(|(place, row)| f64::from(row.abs_diff(place)) / f64::from(rows)).sum::<f64>() / draws;
            assert!((moved - 1.0 / 3.0).abs() < 4.0 / (18.0 * draws).sqrt(), "{rows} rows: moved by {moved} of the set");
            // The number of rows that stay has mean and variance 1.
            let stayed = places().filter(|(place, row)| place == row).count() as f64 / epochs;
            assert!((stayed - 1.0).abs() < 4.0 / epochs.sqrt(), "{rows} rows: {stayed} stayed");
        }
    }

    #[test]
    fn orders_differ_between_epochs_and_seeds() {
        let first = order(0, 0, 1797);
        let others = (1..50).flat_map(|i| [order(0, i, 1797), order(i, 0, 1797)]);
        for (index, other) in others.enumerate() {
            // Two random orders agree in one place on average, in more than 8 with a probability of 1e-6.
            let same = first.iter().zip(&other).filter(|(a, b)| a == b).count();
            assert!(same <= 8, "order {index}: {same} places as in the first");
        }
    }
}
