//! What the scene is painted with: colours, edges of a pixel's width, and noise that is a function of its place.

/// Red, green and blue, from 0 to 1, as a screen shows them.
pub type Colour = [f64; 3];
/// To the right and down, in heights of the picture.
pub type Place = [f64; 2];

/// A colour as it is written in hexadecimal digits.
pub fn hex(digits: u32) -> Colour {
    let channel = |shift: u32| f64::from(digits >> shift & 255) / 255.0;
    [channel(16), channel(8), channel(0)]
}

/// Between two colours; all of the second one from 1 on.
pub fn mix(from: Colour, to: Colour, part: f64) -> Colour {
    let part = part.clamp(0.0, 1.0);
    [0, 1, 2].map(|channel| from[channel] + (to[channel] - from[channel]) * part)
}

/// A colour with light of another one added, as a glow does.
pub fn glow(colour: Colour, light: Colour, strength: f64) -> Colour {
    [0, 1, 2].map(|channel| 1.0 - (1.0 - colour[channel]) * (1.0 - light[channel] * strength.clamp(0.0, 1.0)))
}

/// Between the colours at the heights beside `at`, which ascend.
pub fn gradient(stops: &[(f64, Colour)], at: f64) -> Colour {
    let Some(next) = stops.iter().position(|stop| at < stop.0) else { return stops.last().map_or([0.0; 3], |stop| stop.1) };
    let (below, above) = (stops[next.saturating_sub(1)], stops[next]);
    mix(below.1, above.1, smooth(below.0, above.0, at))
}

/// 0 up to `from`, 1 from `to` on, and smooth between.
pub fn smooth(from: f64, to: f64, at: f64) -> f64 {
    let part = ((at - from) / (to - from)).clamp(0.0, 1.0);
    part * part * (3.0 - 2.0 * part)
}

/// A number from 0 to 1 for each pair of whole numbers: "lowbias32" (Wellons, <https://nullprogram.com/blog/2018/07/31/>), twice.
pub fn hash(x: i64, y: i64) -> f64 {
    let mixed = |word: u32| {
        let h = (word ^ (word >> 16)).wrapping_mul(0x7feb_352d);
        let h = (h ^ (h >> 15)).wrapping_mul(0x846c_a68b);
        h ^ (h >> 16)
    };
    f64::from(mixed(mixed(x as u32).wrapping_add(y as u32))) / f64::from(u32::MAX)
}

/// Smooth noise from 0 to 1, whose hills are about 1 apart.
pub fn noise([x, y]: Place) -> f64 {
    let (column, row) = (x.floor(), y.floor());
    let (right, down) = (smooth(0.0, 1.0, x - column), smooth(0.0, 1.0, y - row));
    let at = |dx: i64, dy: i64| hash(column as i64 + dx, row as i64 + dy);
    let along = |dy| at(0, dy) + (at(1, dy) - at(0, dy)) * right;
    along(0) + (along(1) - along(0)) * down
}

/// Noise of several sizes on top of each other, each half as large and half as strong as the one before; from 0 to 1.
pub fn rough(place: Place, octaves: i32) -> f64 {
    let octave = |n: i32| noise(place.map(|along| along * 2_f64.powi(n) + 17.3 * f64::from(n))) / 2_f64.powi(n + 1);
    (0..octaves).map(octave).sum::<f64>() / (1.0 - 2_f64.powi(-octaves))
}
