//! One function: its contours, the trails of all contenders, start and minima, axes.

use plotters::style::FontStyle;
use plotters::style::text_anchor::HPos;

use super::Style;
use super::canvas::{Canvas, Drawn, Font};
use super::colors::{self, INK, PALE_INK, PAPER};
use crate::contours::Grid;
use crate::functions::Function;
use crate::lines::{self, Point};
use crate::score::Pick;

/// Plot size.
pub const SIZE: [f64; 2] = [528.0, 440.0];
/// How many contours there are.
const LEVELS: usize = 14;
/// How far a simplified line may be from the true one, in pixels: less than can be seen.
const TOLERANCE: f64 = 0.2;

/// A panel of the sheet.
pub struct Panel<'a> {
    /// What it shows.
    pub function: &'a Function,
    /// The upper left corner of its plot.
    pub corner: Point,
    /// One per contender.
    pub lines: Vec<(Style, Pick<'a>)>,
}

impl Panel<'_> {
    /// Draws it.
    pub fn draw(&self, canvas: &dyn Canvas) -> Drawn {
        self.title(canvas)?;
        self.contours(canvas)?;
        self.trails(canvas)?;
        self.marks(canvas)?;
        self.axes(canvas)
    }

    fn title(&self, canvas: &dyn Canvas) -> Drawn {
        let y = self.corner[1] - 19.0;
        let title = Font { size: 24.0, style: FontStyle::Bold, color: INK, anchor: HPos::Left };
        canvas.text([self.corner[0], y], self.function.title, title)?;
        let formula = Font { size: 16.0, style: FontStyle::Normal, color: PALE_INK, anchor: HPos::Right };
        let noise = if self.function.noise > 0.0 { format!(", noise σ = {}", self.function.noise) } else { String::new() };
        canvas.text([self.corner[0] + SIZE[0], y + 2.0], &format!("{}{noise}", self.function.formula), formula)
    }

    fn contours(&self, canvas: &dyn Canvas) -> Drawn {
        let grid = Grid::new(self.function.value, self.function.window);
        canvas.fill(&self.border(), colors::height(1.0))?;
        for ring in grid.rings(&grid.levels(LEVELS)) {
            let band = ring.level + usize::from(ring.area < 0.0);
            let points: Vec<Point> = ring.points.iter().map(|&point| self.place(point)).collect();
            canvas.fill(&lines::simplify(&points, TOLERANCE), colors::height(band as f64 / LEVELS as f64))?;
        }
        Ok(())
    }

    /// All outlines lie below all lines: so where lines coincide, each still shows beside the thinner ones.
    fn trails(&self, canvas: &dyn Canvas) -> Drawn {
        let parts = |pick: &Pick<'_>| {
            let points: Vec<Point> = pick.trial.trail.iter().map(|&[x, y]| self.place([f64::from(x), f64::from(y)])).collect();
            lines::clip(&points, self.corner, self.end()).into_iter().map(|part| lines::simplify(&part, TOLERANCE))
        };
        let all: Vec<(Style, Vec<Point>)> = self.lines.iter().flat_map(|(style, pick)| parts(pick).map(|part| (*style, part))).collect();
        all.iter().try_for_each(|(style, part)| canvas.line(part, style.width + 1.6, PAPER))?;
        all.iter().try_for_each(|(style, part)| style.draw(canvas, part))
    }

    fn marks(&self, canvas: &dyn Canvas) -> Drawn {
        let start = self.place(self.function.start.map(f64::from));
        canvas.dot(start, 8.0, PAPER)?;
        canvas.dot(start, 6.0, INK)?;
        for &minimum in self.function.minima {
            let center = self.place(minimum);
            canvas.fill(&star(center, 12.0), PAPER)?;
            canvas.fill(&star(center, 9.0), INK)?;
        }
        Ok(())
    }

    fn axes(&self, canvas: &dyn Canvas) -> Drawn {
        let mut border = self.border();
        border.push(border[0]);
        canvas.line(&border, 1.2, INK)?;
        let font = Font { size: 16.0, style: FontStyle::Normal, color: PALE_INK, anchor: HPos::Center };
        let [[left, right], [bottom, top]] = self.function.window;
        for x in ticks(left, right) {
            let [at, below] = self.place([x, bottom]);
            canvas.line(&[[at, below], [at, below + 5.0]], 1.2, INK)?;
            canvas.text([at, below + 16.0], &number(x), font)?;
        }
        for y in ticks(bottom, top) {
            let [beside, at] = self.place([left, y]);
            canvas.line(&[[beside - 5.0, at], [beside, at]], 1.2, INK)?;
            canvas.text([beside - 10.0, at], &number(y), Font { anchor: HPos::Right, ..font })?;
        }
        Ok(())
    }

    fn place(&self, [x, y]: Point) -> Point {
        let [[left, right], [bottom, top]] = self.function.window;
        [self.corner[0] + SIZE[0] * (x - left) / (right - left), self.corner[1] + SIZE[1] * (top - y) / (top - bottom)]
    }

    fn end(&self) -> Point {
        [self.corner[0] + SIZE[0], self.corner[1] + SIZE[1]]
    }

    fn border(&self) -> Vec<Point> {
        let ([left, top], [right, bottom]) = (self.corner, self.end());
        vec![[left, top], [right, top], [right, bottom], [left, bottom]]
    }
}

/// A star of five points.
pub fn star([x, y]: Point, radius: f64) -> Vec<Point> {
    let corner = |index: usize| {
        let radius = if index.is_multiple_of(2) { radius } else { 0.42 * radius };
        let (sin, cos) = (index as f64 * std::f64::consts::PI / 5.0).sin_cos();
        [x + radius * sin, y - radius * cos]
    };
    (0..10).map(corner).collect()
}

/// Four to seven round numbers within an interval.
fn ticks(least: f64, greatest: f64) -> Vec<f64> {
    let steps = [0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0];
    let step = steps.into_iter().find(|step| (greatest - least) / step <= 6.5).unwrap_or(greatest - least);
    let first = (least / step).ceil() as i64;
    (first..).map(|index| index as f64 * step).take_while(|tick| *tick <= greatest).collect()
}

/// With a proper minus sign.
fn number(value: f64) -> String {
    format!("{value}").replace('-', "−")
}
