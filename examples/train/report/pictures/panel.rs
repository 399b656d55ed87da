//! Curves in a frame.

use plotters::style::RGBColor;
use plotters::style::text_anchor::HPos;

use super::Result;
use super::axis::Axis;
use super::sheet::{COLOURS, Font, GRID, INK, PALE, PAPER, Place, Sheet, mix};

/// Of a frame.
pub const SIZE: [f64; 2] = [452.0, 400.0];
/// Marks on a curve.
const MARKS: f64 = 9.0;

/// Colour and mark of a curve. No two of the first 42 are alike, and the first seven differ in both.
#[derive(Clone, Copy)]
pub struct Style {
    pub colour: RGBColor,
    mark: usize,
    phase: f64,
}

/// A curve: the mean over the seeds, the least and the largest of them, each in data units by the epoch.
pub struct Curve {
    pub style: Style,
    pub mean: Vec<[f64; 2]>,
    pub low: Vec<[f64; 2]>,
    pub high: Vec<[f64; 2]>,
}

/// A frame with its upper left corner, and how a value of the vertical axis is written.
pub struct Panel<'a> {
    pub title: &'a str,
    pub corner: Place,
    pub horizontal: Axis,
    pub vertical: Axis,
    pub label: fn(f64) -> String,
    pub curves: Vec<Curve>,
}

impl Style {
    /// Of the curve of this number out of so many.
    pub fn new(index: usize, of: usize) -> Self {
        // Marks of curves that lie on each other lie side by side.
        Style { colour: COLOURS[index % COLOURS.len()], mark: index % 6, phase: (index as f64 + 0.5) / of as f64 }
    }

    /// Draws the mark, with a rim so that it can be seen on other curves.
    pub fn mark(&self, sheet: &Sheet, [x, y]: Place) -> Result<()> {
        for (size, colour) in [(6.5, PAPER), (5.0, self.colour)] {
            let polygon = |corners: &[[f64; 2]]| {
                let ring: Vec<Place> = corners.iter().map(|[right, down]| [x + size * right, y + size * down]).collect();
                sheet.polygon(&ring, colour, 1.0)
            };
            match self.mark {
                0 => sheet.disc([x, y], size, colour)?,
                1 => polygon(&[[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]])?,
                2 => polygon(&[[0.0, -1.2], [1.1, 0.8], [-1.1, 0.8]])?,
                3 => polygon(&[[0.0, -1.3], [1.3, 0.0], [0.0, 1.3], [-1.3, 0.0]])?,
                4 => polygon(&[[0.0, 1.2], [1.1, -0.8], [-1.1, -0.8]])?,
                _ => polygon(&[[-0.4, -1.2], [0.4, -1.2], [0.4, 1.2], [-0.4, 1.2]])?,
            }
        }
        Ok(())
    }
}

impl Panel<'_> {
    pub fn draw(&self, sheet: &Sheet) -> Result<()> {
        self.frame(sheet)?;
        for Curve { style, low, high, .. } in &self.curves {
            let back = high.iter().rev();
            let ring: Vec<Place> = low.iter().chain(back).map(|&point| self.place(self.clamped(point))).collect();
            if low != high {
                sheet.polygon(&ring, style.colour, 0.16)?;
            }
        }
        for Curve { style, mean, .. } in &self.curves {
            self.line(sheet, mean, 1.2, mix(PAPER, style.colour, 0.45))?;
        }
        for Curve { style, mean, .. } in &self.curves {
            self.line(sheet, &smoothed(mean), 2.4, style.colour)?;
        }
        self.curves.iter().try_for_each(|curve| self.marks(sheet, curve))
    }

    fn line(&self, sheet: &Sheet, points: &[[f64; 2]], width: f64, colour: RGBColor) -> Result<()> {
        let parts: Vec<[f64; 2]> = points.iter().map(|&point| self.parts(point)).collect();
        for line in clipped(&parts) {
            let places: Vec<Place> = line.into_iter().map(|part| self.place(part)).collect();
            sheet.line(&places, width, colour)?;
        }
        Ok(())
    }

    fn frame(&self, sheet: &Sheet) -> Result<()> {
        let [left, top] = self.corner;
        let [right, bottom] = [left + SIZE[0], top + SIZE[1]];
        sheet.text([left, top - 20.0], self.title, Font { size: 17.0, colour: INK, anchor: HPos::Left })?;
        for tick in self.vertical.ticks() {
            let y = bottom - SIZE[1] * self.vertical.part(tick);
            sheet.line(&[[left, y], [right, y]], 1.0, GRID)?;
            sheet.text([left - 8.0, y], &(self.label)(tick), Font { size: 14.0, colour: PALE, anchor: HPos::Right })?;
        }
        for tick in self.horizontal.ticks() {
            let x = left + SIZE[0] * self.horizontal.part(tick);
            sheet.line(&[[x, top], [x, bottom]], 1.0, GRID)?;
            sheet.text([x, bottom + 16.0], &tick.to_string(), Font { size: 14.0, colour: PALE, anchor: HPos::Center })?;
        }
        sheet.line(&[[left, top], [left, bottom], [right, bottom]], 1.0, PALE)?;
        sheet.text([(left + right) / 2.0, bottom + 40.0], "epochs", Font { size: 15.0, colour: PALE, anchor: HPos::Center })
    }

    fn marks(&self, sheet: &Sheet, Curve { style, mean, .. }: &Curve) -> Result<()> {
        let parts: Vec<[f64; 2]> = smoothed(mean).into_iter().map(|point| self.parts(point)).collect();
        let mut next = style.phase / MARKS;
        for pair in parts.windows(2) {
            while next <= pair[1][0] {
                let way = (next - pair[0][0]) / (pair[1][0] - pair[0][0]);
                let part = [next, pair[0][1] + way * (pair[1][1] - pair[0][1])];
                if way >= 0.0 && (0.0..=1.0).contains(&part[1]) {
                    style.mark(sheet, self.place(part))?;
                }
                next += 1.0 / MARKS;
            }
        }
        Ok(())
    }

    fn parts(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        [self.horizontal.part(x), self.vertical.part(y)]
    }

    fn clamped(&self, point: [f64; 2]) -> [f64; 2] {
        let [x, y] = self.parts(point);
        [x, y.clamp(0.0, 1.0)]
    }

    fn place(&self, [x, y]: [f64; 2]) -> Place {
        [self.corner[0] + SIZE[0] * x, self.corner[1] + SIZE[1] * (1.0 - y)]
    }
}

/// The mean over half an epoch before and after each point, or less at the end. The first epoch is as it is: there curves fall steeply.
fn smoothed(points: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let Some((&[first, _], &[last, _])) = points.first().zip(points.last()) else { return Vec::new() };
    let mean = |&[epoch, _]: &[f64; 2]| {
        let reach = (epoch - first - 1.0).min(last - epoch).clamp(0.0, 0.5) * (1.0 + 1e-9);
        let near: Vec<f64> = points.iter().filter(|point| (point[0] - epoch).abs() <= reach).map(|point| point[1]).collect();
        [epoch, near.iter().sum::<f64>() / near.len() as f64]
    };
    points.iter().map(mean).collect()
}

/// What of a line lies between 0 and 1 vertically.
fn clipped(line: &[[f64; 2]]) -> Vec<Vec<[f64; 2]>> {
    let mut lines: Vec<Vec<[f64; 2]>> = Vec::new();
    for pair in line.windows(2) {
        let [from, to] = [pair[0], pair[1]];
        let at = |way: f64| [from[0] + way * (to[0] - from[0]), from[1] + way * (to[1] - from[1])];
        // Where the segment crosses 0 and 1; infinite if it never does.
        let (zero, one) = (-from[1] / (to[1] - from[1]), (1.0 - from[1]) / (to[1] - from[1]));
        let inside = (0.0..=1.0).contains(&from[1]) && (0.0..=1.0).contains(&to[1]);
        let (start, end) = if inside { (0.0, 1.0) } else { (zero.min(one).max(0.0), zero.max(one).min(1.0)) };
        // Not so where it lies outside, or on a level with an end and so crosses nowhere.
        let crosses = start < end;
        if !crosses {
            continue;
        }
        match lines.last_mut().filter(|line| line.last() == Some(&at(start))) {
            Some(line) => line.push(at(end)),
            None => lines.push(vec![at(start), at(end)]),
        }
    }
    lines
}
