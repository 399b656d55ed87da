//! Numbers that hurt, the same on every machine.

/// SplitMix64 (Steele, Lea and Flood, doi 10.1145/2714064.2660195).
///
/// ```
/// use wgpu_optim::testing::Random;
///
/// let (mut one, mut other) = (Random(7), Random(7));
/// assert_eq!(one.bits(), other.bits());
/// assert!((0.0..1.0).contains(&one.uniform()));
/// ```
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    /// 64 uniform bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in (0, 1).
    pub fn uniform(&mut self) -> f64 {
        ((self.bits() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// Standard normal (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (core::f64::consts::TAU * self.uniform()).cos()
    }
}

/// Values around 0, one in sixteen exactly 0.
pub fn values(seed: u64, len: usize) -> Vec<f32> {
    let mut random = Random(seed);
    (0..len).map(|i| if i % 16 == 7 { 0.0 } else { random.normal() as f32 }).collect()
}

/// What is no number: a NaN of either sign, one that signals, and both infinities.
pub const NON_FINITE: [f32; 5] = [f32::NAN, f32::from_bits(0xffc0_0000), f32::from_bits(0x7f80_0001), f32::INFINITY, f32::NEG_INFINITY];

/// Makes some gradients of a tensor [`NON_FINITE`], others in each of the first eight steps, so that 19 of 20 elements are still judged after four; and in
/// the second step the last one of a tensor of more than four, which is where kernels go element by element.
pub fn spoil(step: usize, gradients: &mut [f32]) {
    let len = gradients.len();
    for (index, bad) in NON_FINITE.into_iter().enumerate() {
        gradients.iter_mut().skip(40 + NON_FINITE.len() * (step % 8) + index).step_by(401).for_each(|g| *g = bad);
    }
    if let Some(last) = gradients.last_mut().filter(|_| step == 1 && len > 4) {
        *last = NON_FINITE[len % NON_FINITE.len()];
    }
}

/// Gradients of both signs and one magnitude.
pub fn normal(seed: u64, len: usize) -> Vec<f32> {
    let mut random = Random(seed ^ 0x6e6f_726d);
    (0..len).map(|_| random.normal() as f32).collect()
}

/// Gradients of both signs: mostly normal, with zeros, ties, and magnitudes from 1e-20, whose square f32 cannot hold, to 1e4.
pub fn gradients(seed: u64, len: usize) -> Vec<f32> {
    let mut random = Random(seed ^ 0x6772_6164);
    let mut gradient = |i: usize| {
        let x = random.normal();
        match i % 16 {
            3 => 0.0,
            5 => x.signum(),
            8 => 1e-20 * x,
            11 => 1e4 * x,
            13 => 1e-4 * x,
            _ => x,
        }
    };
    (0..len).map(|i| gradient(i) as f32).collect()
}
