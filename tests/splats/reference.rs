//! The formula of the splats in f64, and how far an f32 evaluation of its gradients may be off, so that tolerances are not chosen.
//!
//! Rounding errors count as independent, so they add as squares (Higham and Mary, doi 10.1137/18M1226312); built-ins err by what WGSL allows them, but
//! for sine and cosine: it allows them 2^-11, which would hide defects, so the adapter's own are taken.

use std::ops::{Add, Mul, Neg, Sub};

/// Relative error of one sum, product or constant, rounded to nearest; a unit in the last place is two of them.
const UNIT: f64 = 1.0 / (1 << 24) as f64;
const CUT: f64 = 9.0;
const DENSEST: f64 = 0.99;

/// Positions, scales, angles, colours and opacities.
pub type Values = [Vec<f64>; 5];

/// A picture of this width and height.
pub struct Picture {
    pub size: [usize; 2],
    pub pixels: Vec<[f64; 3]>,
}

/// The mean squared error of these splats, as the formula is written: front to back, on black.
pub fn loss([positions, scales, angles, colors, opacities]: &Values, goal: &Picture) -> f64 {
    let mut sum = 0.0;
    for (pixel, goal_color) in goal.pixels.iter().enumerate() {
        let place = [(pixel % goal.size[0]) as f64 + 0.5, (pixel / goal.size[0]) as f64 + 0.5];
        let (mut color, mut transmittance) = ([0.0; 3], 1.0);
        for i in 0..angles.len() {
            let [x, y] = [place[0] - positions[2 * i], place[1] - positions[2 * i + 1]];
            let (sin, cos) = angles[i].sin_cos();
            let (u, v) = ((cos * x + sin * y) / scales[2 * i].exp(), (cos * y - sin * x) / scales[2 * i + 1].exp());
            let bell = ((-0.5 * (u * u + v * v)).exp() - (-0.5 * CUT).exp()).max(0.0) / (1.0 - (-0.5 * CUT).exp());
            let alpha = DENSEST / (1.0 + (-opacities[i]).exp()) * bell;
            (0..3).for_each(|channel| color[channel] += transmittance * alpha * colors[3 * i + channel]);
            transmittance *= 1.0 - alpha;
        }
        sum += (0..3).map(|channel| (color[channel] - goal_color[channel]).powi(2)).sum::<f64>();
    }
    sum / (3 * goal.pixels.len()) as f64
}

/// A value, and the standard deviation of its error in f32.
#[derive(Clone, Copy, Debug, Default)]
pub struct Uncertain {
    pub value: f64,
    error: f64,
}

impl Uncertain {
    fn new(value: f64, errors: &[f64]) -> Self {
        Uncertain { value, error: errors.iter().map(|error| error * error).sum::<f64>().sqrt() }
    }

    /// How far f32 may be off: 6 standard deviations.
    pub fn tolerance(self) -> f64 {
        6.0 * self.error
    }

    fn exp(self) -> Self {
        let value = self.value.exp();
        Uncertain::new(value, &[value * self.error, value * (3.0 + 2.0 * self.value.abs()) * 2.0 * UNIT])
    }

    fn over(self, by: Self) -> Self {
        let value = self.value / by.value;
        Uncertain::new(value, &[self.error / by.value, value * by.error / by.value, 5.0 * UNIT * value])
    }
}

impl From<f64> for Uncertain {
    fn from(value: f64) -> Self {
        Uncertain { value, error: 0.0 }
    }
}

impl Add for Uncertain {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Uncertain::new(self.value + other.value, &[self.error, other.error, UNIT * (self.value + other.value)])
    }
}

impl Neg for Uncertain {
    type Output = Self;
    fn neg(self) -> Self {
        Uncertain { value: -self.value, ..self }
    }
}

impl Sub for Uncertain {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl Mul for Uncertain {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        let value = self.value * other.value;
        Uncertain::new(value, &[self.error * other.value, self.value * other.error, UNIT * value])
    }
}

/// A splat as the kernels read it: the mean, two rows of the matrix from pixels to standard deviations, the colour, the opacity.
struct Projected {
    mean: [Uncertain; 2],
    rows: [[Uncertain; 2]; 2],
    deviations: [Uncertain; 2],
    color: [Uncertain; 3],
    opacity: Uncertain,
}

impl Projected {
    fn new([positions, scales, _, colors, opacities]: &Values, i: usize, turn: [f64; 2]) -> Self {
        let exact = |values: &Vec<f64>, at: usize| Uncertain::from(values[at]);
        let [sin, cos] = turn.map(Uncertain::from);
        let deviations = [0, 1].map(|axis| exact(scales, 2 * i + axis).exp());
        let rows = [[cos.over(deviations[0]), sin.over(deviations[0])], [(-sin).over(deviations[1]), cos.over(deviations[1])]];
        let opacity = Uncertain::from(DENSEST).over(Uncertain::from(1.0) + (-exact(opacities, i)).exp());
        let (mean, color) = ([0, 1].map(|axis| exact(positions, 2 * i + axis)), [0, 1, 2].map(|channel| exact(colors, 3 * i + channel)));
        Projected { mean, rows, deviations, color, opacity }
    }

    /// Where a place lies along its axes; its bell there without its end, and with it.
    fn at(&self, place: [f64; 2]) -> ([Uncertain; 2], Uncertain, Uncertain) {
        let from = [0, 1].map(|axis| Uncertain::from(place[axis]) - self.mean[axis]);
        let along = self.rows.map(|row| row[0] * from[0] + row[1] * from[1]);
        let e = (Uncertain::from(-0.5) * (along[0] * along[0] + along[1] * along[1])).exp();
        let rest = (-0.5 * CUT).exp();
        let above = e - rest.into();
        let bell = if above.value > 0.0 { above * (1.0 / (1.0 - rest)).into() } else { Uncertain { value: 0.0, ..above } };
        // Far outside, f32 sees exactly nothing.
        let bell = if above.value < -above.tolerance() { Uncertain::default() } else { bell };
        (along, e, bell)
    }
}

/// The loss, and its gradients by the parameters, in the order in which the kernels form them, where the angles have these sines and cosines.
pub fn differentiate(values: &Values, goal: &Picture, turns: &[[f64; 2]]) -> (Uncertain, [Vec<Uncertain>; 5]) {
    let splats: Vec<Projected> = turns.iter().enumerate().map(|(i, &turn)| Projected::new(values, i, turn)).collect();
    let mut gradients = values.each_ref().map(|values| vec![Uncertain::default(); values.len()]);
    let mut loss = Uncertain::default();
    for (pixel, &goal_color) in goal.pixels.iter().enumerate() {
        let place = [(pixel % goal.size[0]) as f64 + 0.5, (pixel / goal.size[0]) as f64 + 0.5];
        loss = loss + add_pixel(&splats, place, goal_color, 2.0 / (3 * goal.pixels.len()) as f64, &mut gradients);
    }
    for (i, splat) in splats.iter().enumerate() {
        let by_logit = splat.opacity * (Uncertain::from(1.0) - splat.opacity.over(DENSEST.into()));
        gradients[4][i] = gradients[4][i] * by_logit;
    }
    (loss, gradients)
}

/// Adds the gradients of a pixel, and returns its part of the loss.
fn add_pixel(splats: &[Projected], place: [f64; 2], goal: [f64; 3], scale: f64, gradients: &mut [Vec<Uncertain>; 5]) -> Uncertain {
    let one = Uncertain::from(1.0);
    let (mut color, mut transmittance) = ([Uncertain::default(); 3], one);
    for splat in splats {
        let alpha = splat.opacity * splat.at(place).2;
        (0..3).for_each(|channel| color[channel] = color[channel] + transmittance * alpha * splat.color[channel]);
        transmittance = transmittance * (one - alpha);
    }
    let by = [0, 1, 2].map(|channel| (color[channel] - goal[channel].into()) * scale.into());
    let dot = |color: &[Uncertain; 3]| by[0] * color[0] + by[1] * color[1] + by[2] * color[2];
    let (mut behind, mut transmittance) = (dot(&color), one);
    for (i, splat) in splats.iter().enumerate() {
        let ([u, v], e, bell) = splat.at(place);
        let alpha = splat.opacity * bell;
        let (weight, shade) = (transmittance * alpha, dot(&splat.color));
        behind = behind - weight * shade;
        let by_alpha = transmittance * shade - behind.over(one - alpha);
        transmittance = transmittance * (one - alpha);
        let slope = Uncertain::from(-1.0 / (1.0 - (-0.5 * CUT).exp())) * splat.opacity * by_alpha * e;
        let edge = e - (-0.5 * CUT).exp().into();
        // Where f32 may see a bell on the other side of its end, either is right. Twice the change by the square of the distance.
        let slope = match edge.value {
            _ if edge.value.abs() <= edge.tolerance() => Uncertain::new(slope.value / 2.0, &[slope.value / 2.0]),
            above if above > 0.0 => slope,
            _ => continue,
        };
        let mut add = |param: usize, at: usize, term: Uncertain| gradients[param][at] = gradients[param][at] + term;
        (0..3).for_each(|channel| add(3, 3 * i + channel, weight * by[channel]));
        add(4, i, by_alpha * bell);
        let [by_u, by_v] = [slope * u, slope * v];
        (0..2).for_each(|axis| add(0, 2 * i + axis, -(by_u * splat.rows[0][axis] + by_v * splat.rows[1][axis])));
        add(1, 2 * i, -(by_u * u));
        add(1, 2 * i + 1, -(by_v * v));
        let ratio = splat.deviations[1].over(splat.deviations[0]);
        add(2, i, by_u * v * (ratio - one.over(ratio)));
    }
    dot(&by) * (0.5 / scale).into()
}
