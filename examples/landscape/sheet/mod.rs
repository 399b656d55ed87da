//! The sheet: a panel for each function, a table, and the media that it is drawn on.

mod canvas;
mod colors;
mod media;
mod panel;
mod table;

pub use canvas::Drawn;
pub use media::{png, svg};

use plotters::style::text_anchor::HPos;
use plotters::style::{FontStyle, RGBColor};

use crate::contenders::Contender;
use crate::functions;
use crate::lines::{self, Point};
use crate::score::Pick;
use canvas::{Canvas, Font};
use colors::{INK, LINES, PALE_INK};
use panel::Panel;
use table::Table;

/// Lines that can be told apart: of every color one that is whole and one in dashes.
pub const LINES_AT_MOST: usize = 2 * LINES.len();

/// In logical pixels.
const SIZE: [u32; 2] = [1800, 1110];

/// How a contender's lines look.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    color: RGBColor,
    width: f64,
    dashed: bool,
}

/// All that is on it.
pub struct Sheet<'a> {
    /// Below the title.
    pub subtitle: String,
    /// Steps of each run.
    pub steps: usize,
    /// In the order of the table.
    pub contenders: &'a [Contender],
    /// For each function, one per contender.
    pub picks: Vec<Vec<Pick<'a>>>,
}

impl Sheet<'_> {
    fn draw(&self, canvas: &dyn Canvas) -> Drawn {
        let title = Font { size: 34.0, style: FontStyle::Bold, color: INK, anchor: HPos::Left };
        canvas.text([54.0, 36.0], "Optimizers on five landscapes, updated by WGSL kernels", title)?;
        let subtitle = Font { size: 18.0, style: FontStyle::Normal, color: PALE_INK, anchor: HPos::Left };
        canvas.text([54.0, 70.0], &self.subtitle, subtitle)?;
        for (index, (function, picks)) in functions::ALL.iter().zip(&self.picks).enumerate() {
            let lines = picks.iter().enumerate().map(|(index, &pick)| (self.style(index), pick)).collect();
            Panel { function, corner: corner(index), lines }.draw(canvas)?;
        }
        let [left, top] = corner(functions::ALL.len());
        Table { sheet: self, left: left - 26.0, top: top - 30.0 }.draw(canvas)
    }

    /// Later lines are thinner, so that those that they cover can be seen beside them.
    fn style(&self, contender: usize) -> Style {
        let share = contender as f64 / (self.contenders.len().max(2) - 1) as f64;
        Style { color: LINES[contender % LINES.len()], width: 4.2 - 2.2 * share, dashed: contender >= LINES.len() }
    }
}

impl Style {
    fn draw(&self, canvas: &dyn Canvas, line: &[Point]) -> Drawn {
        if !self.dashed {
            return canvas.line(line, self.width, self.color);
        }
        lines::dash(line, 9.0, 7.0).iter().try_for_each(|dash| canvas.line(dash, self.width, self.color))
    }
}

/// Where the plot of a panel begins.
fn corner(index: usize) -> [f64; 2] {
    [54.0 + 594.0 * (index % 3) as f64, 132.0 + 508.0 * (index / 3) as f64]
}
