//! Colors of lines and of heights.

use plotters::style::RGBColor;

/// Text, and what belongs to no contender.
pub const INK: RGBColor = RGBColor(33, 37, 41);
/// Text of less weight.
pub const PALE_INK: RGBColor = RGBColor(96, 104, 112);
/// The sheet, and what separates lines from the heights below.
pub const PAPER: RGBColor = RGBColor(255, 255, 255);

/// One for each contender. Okabe and Ito, "Color Universal Design" (<https://jfly.uni-koeln.de/color/>): told apart with any kind of color
/// vision. Their yellow is missing, which heights near zero would swallow.
pub const LINES: [RGBColor; 7] = [
    RGBColor(0, 0, 0),
    RGBColor(0, 114, 178),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(0, 158, 115),
    RGBColor(213, 94, 0),
    RGBColor(204, 121, 167),
];

/// The color of a height from 0 to 1: equal steps of lightness, chroma and hue in Oklab (Ottosson, <https://bottosson.github.io/posts/oklab/>)
/// look equal. From almost white through green to a blue that every line above still stands out from; without color, the lightness
/// says the same.
pub fn height(t: f64) -> RGBColor {
    let mix = |from: f64, to: f64| from + t * (to - from);
    let (lightness, chroma, hue) = (mix(0.985, 0.60), mix(0.03, 0.085), mix(105.0, 262.0_f64).to_radians());
    oklab(lightness, chroma * hue.cos(), chroma * hue.sin())
}

fn oklab(lightness: f64, a: f64, b: f64) -> RGBColor {
    let l = (lightness + 0.396_337_777_4 * a + 0.215_803_757_3 * b).powi(3);
    let m = (lightness - 0.105_561_345_8 * a - 0.063_854_172_8 * b).powi(3);
    let s = (lightness - 0.089_484_177_5 * a - 1.291_485_548 * b).powi(3);
    let linear = [
        4.076_741_662_1 * l - 3.307_711_591_3 * m + 0.230_969_929_2 * s,
        -1.268_438_004_6 * l + 2.609_757_401_1 * m - 0.341_319_396_5 * s,
        -0.004_196_086_3 * l - 0.703_418_614_7 * m + 1.707_614_701 * s,
    ];
    let [red, green, blue] = linear.map(|light| (255.0 * gamma(light.clamp(0.0, 1.0))).round() as u8);
    RGBColor(red, green, blue)
}

/// sRGB's transfer function, IEC 61966-2-1.
fn gamma(light: f64) -> f64 {
    if light <= 0.003_130_8 { 12.92 * light } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 }
}
