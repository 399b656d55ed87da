//! The legend: who has which color, and how each did on each function.

use plotters::style::FontStyle;
use plotters::style::text_anchor::HPos;

use super::Sheet;
use super::canvas::{Canvas, Drawn, Font};
use super::colors::{INK, PALE_INK};
use super::panel::star;
use crate::functions;
use crate::lines::Point;
use crate::race::GRID;
use crate::score::Pick;

/// From one column of a function to the next.
const COLUMN: f64 = 89.0;
/// From the left to the first of them, its right side.
const FIRST: f64 = 198.0;
/// Height of the heads.
const HEAD: f64 = 60.0;
/// Where the key begins.
const FOOT: f64 = 386.0;
/// What is below has arrived: f32 leaves about so much.
const NOTHING: f64 = 1e-9;

/// The sheet's table.
pub struct Table<'a> {
    /// What it is about.
    pub sheet: &'a Sheet<'a>,
    /// Its left border.
    pub left: f64,
    /// Its upper border.
    pub top: f64,
}

impl Table<'_> {
    /// Draws it.
    pub fn draw(&self, canvas: &dyn Canvas) -> Drawn {
        self.heads(canvas)?;
        for index in 0..self.sheet.contenders.len() {
            self.row(canvas, index)?;
        }
        self.key(canvas)
    }

    fn heads(&self, canvas: &dyn Canvas) -> Drawn {
        for (index, function) in functions::ALL.iter().enumerate() {
            let font = Font { size: 14.0, style: FontStyle::Bold, color: INK, anchor: HPos::Right };
            for (line, word) in function.title.split(' ').rev().enumerate() {
                canvas.text(self.at(self.column(index), 44.0 - 18.0 * line as f64), word, font)?;
            }
        }
        canvas.line(&[self.at(0.0, HEAD), self.at(self.column(functions::ALL.len() - 1), HEAD)], 1.2, INK)
    }

    fn row(&self, canvas: &dyn Canvas, index: usize) -> Drawn {
        let y = HEAD + self.pitch() * (index as f64 + 0.5);
        self.sheet.style(index).draw(canvas, &[self.at(0.0, y), self.at(24.0, y)])?;
        let title = &self.sheet.contenders[index].title;
        // Ten letters of the usual size reach the first column.
        let size = (170.0 / title.chars().count() as f64).min(17.0);
        canvas.text(self.at(33.0, y), title, Font { size, style: FontStyle::Bold, color: INK, anchor: HPos::Left })?;
        for (function, picks) in self.sheet.picks.iter().enumerate() {
            let best = picks.iter().all(|other| picks[index].last <= other.last.max(NOTHING));
            self.cell(canvas, [self.column(function), y], &picks[index], best)?;
        }
        Ok(())
    }

    /// Without its second line if rows are too close for it.
    fn cell(&self, canvas: &dyn Canvas, [x, y]: Point, pick: &Pick<'_>, best: bool) -> Drawn {
        let style = if best { FontStyle::Bold } else { FontStyle::Normal };
        let value = if pick.diverged { "diverged".to_owned() } else { number(pick.last) };
        let font = Font { size: 17.0, style, color: INK, anchor: HPos::Right };
        if self.pitch() < 40.0 {
            return canvas.text(self.at(x, y), &value, font);
        }
        canvas.text(self.at(x, y - 9.0), &value, font)?;
        let lr = pick.trial.lr.map(|lr| format!("lr {lr}")).unwrap_or_default();
        canvas.text(self.at(x, y + 10.0), &lr, Font { size: 14.0, style: FontStyle::Normal, color: PALE_INK, ..font })
    }

    fn key(&self, canvas: &dyn Canvas) -> Drawn {
        let font = Font { size: 16.0, style: FontStyle::Normal, color: PALE_INK, anchor: HPos::Left };
        canvas.line(&[self.at(0.0, FOOT), self.at(self.column(functions::ALL.len() - 1), FOOT)], 1.2, INK)?;
        let y = FOOT + 18.0;
        canvas.dot(self.at(8.0, y), 6.0, INK)?;
        canvas.text(self.at(22.0, y), "start", font)?;
        canvas.fill(&star(self.at(90.0, y), 9.0), INK)?;
        canvas.text(self.at(106.0, y), "minimum, where f = 0", font)?;
        let tenth = (self.sheet.steps + 1).div_ceil(10);
        canvas.text(self.at(0.0, y + 24.0), &format!("Numbers: mean of f over the last {tenth} points, in bold the lowest."), font)?;
        let grid = format!("lr: of {} on one grid, the smallest whose mean of f, weighted by", GRID.len());
        canvas.text(self.at(0.0, y + 46.0), &grid, font)?;
        canvas.text(self.at(0.0, y + 66.0), "step, is at most twice the lowest.", font)
    }

    fn pitch(&self) -> f64 {
        ((FOOT - HEAD) / self.sheet.contenders.len() as f64).min(55.0)
    }

    fn column(&self, function: usize) -> f64 {
        FIRST + COLUMN * function as f64
    }

    fn at(&self, x: f64, y: f64) -> Point {
        [self.left + x, self.top + y]
    }
}

/// Two digits: 0.37, 4.4e−6.
fn number(value: f64) -> String {
    match value {
        ..=NOTHING => format!("< {NOTHING:e}"),
        1e-2..1e3 => format!("{value:.2}"),
        _ => format!("{value:.1e}"),
    }
    .replace('-', "−")
}
