//! Mountains in haze, and firs at the shore.

use super::paint::{Colour, Place, hash, hex, mix, noise, rough, smooth};

/// A chain of mountains.
pub struct Ridge {
    /// Where its mean height is, how far its summits reach above and below, and how many of them there are in a height of the picture.
    pub level: f64,
    /// See `level`.
    pub height: f64,
    /// See `level`.
    pub summits: f64,
    /// Which of the chains that could be.
    pub seed: f64,
    /// At the summits, and at the foot, in the haze.
    pub colours: [Colour; 2],
    /// How far down there is snow, in `height`s.
    pub snow: f64,
}

impl Ridge {
    /// The scene's colour with the mountains in front of it.
    pub fn over(&self, behind: Colour, [x, y]: Place) -> Colour {
        let top = self.top(x);
        if y < top {
            return behind;
        }
        let rock = mix(self.colours[0], self.colours[1], smooth(0.0, 2.2, (y - top) / self.height));
        // Flanks that fall to the right lie in the shade: the sun is on the left.
        let slope = (self.top(x + 0.012) - self.top(x - 0.012)) / 0.024;
        let facets = rough([x * 30.0 + y * 22.0 + self.seed, y * 26.0 - x * 12.0], 4) - 0.5;
        let shade = smooth(-0.35, 0.35, 0.45 * slope + 2.2 * facets);
        let rock = mix(rock, hex(0x1d1a42), 0.34 * shade * smooth(3.0, 0.0, (y - top) / self.height));
        let edge = self.snow * self.height * (0.25 + 1.5 * rough([x * 34.0 + self.seed, y * 10.0], 3));
        let snow = mix(hex(0xffefe0), hex(0x8d86bd), shade);
        if y - top < edge * smooth(self.level + 0.3 * self.height, self.level - 0.7 * self.height, top) { snow } else { rock }
    }

    fn top(&self, x: f64) -> f64 {
        let at = x * self.summits + self.seed;
        // The distance of smooth noise from its middle has sharp crests, and rough noise makes rocks of them.
        let crest = 1.0 - (2.0 * noise([at, self.seed]) - 1.0).abs() * 1.5;
        let teeth = 1.0 - (2.0 * noise([at * 3.1, self.seed + 9.0]) - 1.0).abs() * 1.5;
        self.level - self.height * (crest + 0.34 * teeth + 0.5 * (rough([at * 6.0, self.seed], 4) - 0.5) - 0.45)
    }
}

/// Firs along a shore that falls from the sides to the middle.
pub fn firs(behind: Colour, [x, y]: Place, width: f64) -> Colour {
    let shore = |x: f64| 1.02 - 0.26 * (1.0 - x / 0.56).max(0.0).powf(1.6) - 0.20 * (1.0 - (width - x) / 0.46).max(0.0).powf(1.6);
    let ground = shore(x) - 0.012 * rough([x * 30.0, 3.0], 3);
    let dark = mix(hex(0x151c38), hex(0x080a16), smooth(ground - 0.1, ground + 0.2, y));
    if y > ground {
        return dark;
    }
    let spacing = 0.034;
    let nearest = (x / spacing).round() as i64;
    for tree in nearest - 3..=nearest + 3 {
        let random = |salt: i64| hash(tree, 100 + salt);
        let foot = [(tree as f64 + 0.7 * random(0) - 0.35) * spacing, 0.0];
        let land = shore(foot[0]);
        if land > 1.0 {
            continue;
        }
        let height = 0.07 + 0.17 * random(1) * smooth(1.02, 0.82, land) + 0.03 * random(2);
        let up = (land + 0.01 - y) / height;
        // Boughs in tiers, each wider towards its lower end.
        let tier = (up * 9.0 + random(3)).fract();
        let half = 0.24 * height * (1.0 - up).powf(0.85) * (0.55 + 0.65 * (1.0 - tier));
        let reaches = (x - foot[0]).abs() < half.max(0.0016);
        if (0.0..1.0).contains(&up) && reaches {
            return mix(dark, hex(0x27375a), 0.45 * up * f64::from(x < foot[0]));
        }
    }
    behind
}
