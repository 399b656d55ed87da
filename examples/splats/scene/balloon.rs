//! A hot-air balloon: gores in three colours on an envelope that is lit from one side, ropes, and a basket.

use super::paint::{Colour, Place, hex, mix, smooth};

const GORES: f64 = 12.0;

/// A balloon.
pub struct Balloon {
    /// The middle of the envelope's round part.
    pub centre: Place,
    /// Of that part.
    pub radius: f64,
    /// Of the gores, in turn.
    pub colours: [Colour; 3],
}

impl Balloon {
    /// The scene's colour with the balloon in front of it.
    pub fn over(&self, behind: Colour, [x, y]: Place) -> Colour {
        let (x, y) = ((x - self.centre[0]) / self.radius, (y - self.centre[1]) / self.radius);
        if x.abs() > 1.1 || !(-1.1..2.1).contains(&y) {
            return behind;
        }
        self.basket(self.ropes(self.envelope(behind, x, y), x, y), x, y)
    }

    /// Round above, and narrowing to its mouth below.
    fn envelope(&self, behind: Colour, x: f64, y: f64) -> Colour {
        // A circle down to 0.35, and from there on its tangent, bent towards the mouth.
        let below = (y - 0.35_f64).max(0.0);
        let half = match below {
            0.0 => (1.0 - y * y).max(0.0).sqrt(),
            _ => 0.9367 - 0.3736 * below - 0.56 * below.powi(2) + 0.19 * below.powi(3),
        };
        if y > 1.32 || x.abs() > half {
            return behind;
        }
        // Gores are equal angles around the axis, so they are narrower towards the rims.
        let across = (x / half).clamp(-1.0, 1.0);
        let gore = (across.asin() / std::f64::consts::PI + 0.5) * GORES + 0.5;
        let colour = match gore.floor() as i64 % 4 {
            0 => self.colours[0],
            2 => self.colours[2],
            _ => self.colours[1],
        };
        let band = if (0.42..0.60).contains(&y) { mix(colour, self.colours[2], 0.75) } else { colour };
        let seam = (gore - gore.round()).abs();
        let shaded = mix(band, hex(0x1a1433), 0.62 * smooth(-0.55, 1.05, 0.75 * across + 0.35 * y));
        let lit = mix(shaded, hex(0xfff4d8), 0.5 * smooth(0.75, 0.0, ((across + 0.45).powi(2) + (y + 0.42).powi(2)).sqrt()));
        mix(lit, hex(0x2a1a3a), 0.35 * smooth(0.10, 0.0, seam))
    }

    fn ropes(&self, behind: Colour, x: f64, y: f64) -> Colour {
        let at = |top: f64, foot: f64| (x - (top + (foot - top) * (y - 1.3) / 0.36)).abs();
        let near = at(-0.22, -0.13).min(at(0.22, 0.13)).min(at(0.0, 0.0));
        if (1.3..1.66).contains(&y) { mix(behind, hex(0x241a2e), smooth(0.045, 0.015, near)) } else { behind }
    }

    fn basket(&self, behind: Colour, x: f64, y: f64) -> Colour {
        let half = 0.17 - 0.05 * (y - 1.64);
        if !(1.64..1.92).contains(&y) || x.abs() > half {
            return behind;
        }
        let weave = if y < 1.70 { hex(0xc98d4b) } else { mix(hex(0x8a5428), hex(0x5b3419), f64::from((y * 18.0).sin() > 0.0)) };
        mix(weave, hex(0x1a1020), 0.7 * smooth(-0.1, 0.2, x))
    }
}
