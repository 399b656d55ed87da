//! Two curves over the steps: how near the picture is, and how many splats there are.

use plotters::style::RGBColor;
use plotters::style::text_anchor::HPos;

use super::Result;
use super::axis::Axis;
use super::sheet::{COLOURS, Font, GRID, PALE, Place, Sheet};
use crate::fit::{BLOCK, Log, decibels};

/// What is left of a frame, for numbers.
const LEFT: f64 = 46.0;
/// From one frame to the other.
const BETWEEN: f64 = 40.0;
/// Steps in a point of the curve.
const POINT: usize = 10;

/// A frame: its corner, its size, its axes.
struct Frame<'a> {
    title: &'a str,
    corner: Place,
    size: [f64; 2],
    axes: [Axis; 2],
}

/// Draws them, one above the other, in place of a picture.
pub fn curves(sheet: &Sheet<'_>, [left, top]: Place, [width, height]: [f64; 2], log: &Log) -> Result<()> {
    let size = [width - LEFT, (height - BETWEEN - 16.0) / 2.0];
    let steps = Axis::linear(0.0, log.losses.len().max(1) as f64);
    let near = near(log);
    let most = near.iter().map(|point| point[1]).fold(10.0, f64::max);
    let vertical = Axis::linear(0.0, (most / 10.0).ceil() * 10.0);
    let frame = Frame { title: "peak signal-to-noise ratio, dB", corner: [left + LEFT, top + 16.0], size, axes: [steps, vertical] };
    frame.draw(sheet, &near, COLOURS[0], false)?;
    let counts = counts(log);
    let most = counts.iter().map(|point| point[1]).fold(1.0, f64::max);
    let vertical = Axis::linear(0.0, (most / 1000.0).ceil() * 1000.0);
    let corner = [left + LEFT, top + 16.0 + size[1] + BETWEEN];
    Frame { title: "splats", corner, size, axes: [steps, vertical] }.draw(sheet, &counts, COLOURS[1], true)
}

/// The mean over a few steps each.
fn near(log: &Log) -> Vec<[f64; 2]> {
    let mean = |(index, losses): (usize, &[f32])| {
        let mean = losses.iter().map(|&loss| f64::from(loss)).sum::<f64>() / losses.len() as f64;
        [(index * POINT) as f64 + 0.5 * losses.len() as f64, decibels(mean)]
    };
    log.losses.chunks(POINT).enumerate().map(mean).collect()
}

/// A stair for each block of steps.
fn counts(log: &Log) -> Vec<[f64; 2]> {
    let stair = |(block, &count): (usize, &usize)| [block, block + 1].map(|end| [(end * BLOCK) as f64, count as f64]);
    log.counts.iter().enumerate().flat_map(stair).collect()
}

impl Frame<'_> {
    fn draw(&self, sheet: &Sheet<'_>, points: &[[f64; 2]], colour: RGBColor, filled: bool) -> Result<()> {
        let font = |size, anchor| Font { size, colour: PALE, anchor };
        let [left, top] = self.corner;
        let [right, bottom] = [left + self.size[0], top + self.size[1]];
        sheet.text([left, top - 11.0], self.title, Font { colour, ..font(13.0, HPos::Left) })?;
        for tick in self.axes[1].ticks().into_iter().step_by(2) {
            let y = self.place([0.0, tick])[1];
            sheet.line(&[[left, y], [right, y]], 1.0, GRID)?;
            sheet.text([left - 7.0, y], &tick.to_string(), font(12.0, HPos::Right))?;
        }
        for tick in self.axes[0].ticks().into_iter().step_by(2) {
            let x = self.place([tick, 0.0])[0];
            sheet.line(&[[x, top], [x, bottom]], 1.0, GRID)?;
            sheet.text([x, bottom + 12.0], &tick.to_string(), font(12.0, HPos::Center))?;
        }
        let places: Vec<Place> = points.iter().map(|&point| self.place(point)).collect();
        if filled {
            let ring: Vec<Place> = places.iter().copied().chain([[right, bottom], [left, bottom]]).collect();
            sheet.polygon(&ring, colour, 0.16)?;
        }
        sheet.line(&[[left, top], [left, bottom], [right, bottom]], 1.0, PALE)?;
        sheet.line(&places, 2.2, colour)
    }

    fn place(&self, [x, y]: [f64; 2]) -> Place {
        [self.corner[0] + self.size[0] * self.axes[0].part(x), self.corner[1] + self.size[1] * (1.0 - self.axes[1].part(y))]
    }
}
