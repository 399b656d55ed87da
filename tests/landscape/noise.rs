//! The twin of `examples/landscape/noise.wgsl`, where it is described.

fn mix_bits(word: u32) -> u32 {
    let mut h = word;
    h = (h ^ (h >> 16)).wrapping_mul(0x7feb_352d);
    h = (h ^ (h >> 15)).wrapping_mul(0x846c_a68b);
    h ^ (h >> 16)
}

pub fn uniform_noise(seed: u32, step: u32, element: u32) -> f32 {
    let h = mix_bits(mix_bits(mix_bits(seed).wrapping_add(step)).wrapping_add(element));
    ((h >> 9) as f32 + 0.5) * (1.0 / 4_194_304.0) - 1.0
}

/// Whether a mean of `count` values of this standard deviation is what chance allows around 0: five standard errors, one in two million.
fn is_chance(mean: f64, deviation: f64, count: usize) -> bool {
    mean.abs() < 5.0 * deviation / (count as f64).sqrt()
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0), |(sum, count), value| (sum + value, count + 1));
    sum / f64::from(count)
}

#[test]
fn noise_is_unbiased_and_uncorrelated() {
    const STEPS: u32 = 1000;
    const ELEMENTS: u32 = 1000;
    let (count, deviation) = ((STEPS * ELEMENTS) as usize, (1.0_f64 / 3.0).sqrt());
    for seed in [0, 1, 2, u32::MAX] {
        let noise = |step, element| f64::from(uniform_noise(seed, step, element));
        let all = || (0..STEPS).flat_map(|step| (0..ELEMENTS).map(move |element| (step, element)));
        assert!(is_chance(mean(all().map(|(s, e)| noise(s, e))), deviation, count), "seed {seed}: biased");
        // The variance of a square is 1/5 - 1/9.
        let variance = mean(all().map(|(s, e)| noise(s, e).powi(2)));
        assert!(is_chance(variance - 1.0 / 3.0, (4.0_f64 / 45.0).sqrt(), count), "seed {seed}: variance {variance}");
        for (what, steps, elements) in [("step", 1, 0), ("element", 0, 1), ("step and element", 1, 1)] {
            let covariance = mean(all().map(|(s, e)| noise(s, e) * noise(s + steps, e + elements)));
            assert!(is_chance(covariance, 1.0 / 3.0, count), "seed {seed}: the next {what} is correlated by {covariance}");
        }
        let other = mean(all().map(|(s, e)| noise(s, e) * f64::from(uniform_noise(seed.wrapping_add(1), s, e))));
        assert!(is_chance(other, 1.0 / 3.0, count), "seed {seed}: the next seed is correlated by {other}");
    }
}

/// So that no value is more likely than its opposite.
#[test]
fn noise_is_an_odd_multiple() {
    for element in 0..100_000 {
        let scaled = f64::from(uniform_noise(7, 3, element)) * 8_388_608.0;
        assert_eq!((scaled.fract(), scaled.rem_euclid(2.0), scaled.abs() < 8_388_608.0), (0.0, 1.0, true), "element {element}");
    }
}

#[test]
fn the_checker_fails_where_it_must() {
    assert!(is_chance(0.0, 1.0, 100));
    assert!(!is_chance(0.51, 1.0, 100));
    assert!(!is_chance(f64::NAN, 1.0, 100));
}
