//! The splats as ellipses, back to front, so that each can be told from its neighbours.

use super::sheet::{Place, Sheet};
use super::{Result, colour};

/// Radii in standard deviations.
const RADIUS: f64 = 0.5;
const CORNERS: usize = 24;
/// Around them, from 0 to 1.
const BACK: f32 = 0.04;

/// Draws the splats with these parameters in a picture of this size, enlarged by `zoom`.
pub fn ellipses(sheet: &Sheet<'_>, corner: Place, size: [usize; 2], zoom: f64, splats: &[Vec<f32>]) -> Result<()> {
    let [positions, scales, angles, colors, opacities] = splats else { return Err("there are not five parameters".into()) };
    let end = [0, 1].map(|axis| corner[axis] + zoom * size[axis] as f64);
    sheet.rectangle(corner, end, colour([BACK; 3]))?;
    // The first ones are in front.
    for i in (0..angles.len()).rev() {
        let radii = [2 * i, 2 * i + 1].map(|at| RADIUS * f64::from(scales[at]).exp());
        let (sin, cos) = f64::from(angles[i]).sin_cos();
        let place = |k: usize| {
            let (up, along) = (k as f64 / CORNERS as f64 * std::f64::consts::TAU).sin_cos();
            let [x, y] = [radii[0] * along, radii[1] * up];
            let place = [f64::from(positions[2 * i]) + cos * x - sin * y, f64::from(positions[2 * i + 1]) + sin * x + cos * y];
            [0, 1].map(|axis| (corner[axis] + zoom * place[axis]).clamp(corner[axis], end[axis]))
        };
        let ring: Vec<Place> = (0..CORNERS).map(place).collect();
        let fill = [3 * i, 3 * i + 1, 3 * i + 2].map(|at| colors[at]);
        // The sigmoid of its logit.
        sheet.polygon(&ring, colour(fill), 1.0 / (1.0 + f64::from(-opacities[i]).exp()))?;
    }
    Ok(())
}
