//! Random numbers that depend on a seed and nothing else.

/// splitmix64 (Steele, Lea and Flood, doi 10.1145/2714064.2660195): a counter through a mixing function.
#[derive(Clone, Debug)]
pub struct Random {
    counter: u64,
}

impl Random {
    /// The numbers of one of the streams of a seed.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut random = Random { counter: seed };
        random.counter = random.bits() ^ stream;
        random.counter = random.bits();
        random
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.counter = self.counter.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.counter ^ (self.counter >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in -1..1, a multiple of 2^-23, so that f32 holds it.
    pub fn signed(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    /// A number in 0..below. The bias of a modulo of 64 bits is below 2^-32 for any slice that fits in memory.
    pub fn below(&mut self, below: usize) -> usize {
        (self.bits() % below as u64) as usize
    }
}
