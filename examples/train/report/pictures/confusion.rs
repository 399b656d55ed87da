//! The confusion matrix.

use plotters::style::text_anchor::HPos;

use super::Result;
use super::sheet::{COLOURS, Font, GRID, INK, PALE, PAPER, Sheet, mix, png};
use crate::data::Images;
use crate::report::Entry;

const LEFT: f64 = 88.0;
const TOP: f64 = 124.0;
const MARGIN: f64 = 32.0;
/// Pixels of all cells together, unless there are so many that they would be too small.
const MATRIX: f64 = 560.0;

/// How often which label was taken for which, over all seeds.
pub fn confusion(entry: &Entry, images: &Images) -> Result<Vec<u8>> {
    let classes = images.classes.len();
    let count = |label: usize, class: usize| entry.sound().map(|run| run.confusion[label][class]).sum::<u32>();
    let matrix: Vec<Vec<u32>> = (0..classes).map(|label| (0..classes).map(|class| count(label, class)).collect()).collect();
    let cell = (MATRIX / classes as f64).floor().max(20.0);
    let side = cell * classes as f64;
    png([(LEFT + side + MARGIN) as u32, (TOP + side + MARGIN) as u32], |sheet| {
        let [middle, font] = [LEFT + side / 2.0, cell.min(32.0) / 2.0];
        sheet.text([middle, 34.0], &title(entry, &matrix), Font { size: 20.0, colour: INK, anchor: HPos::Center })?;
        let pale = Font { size: 16.0, colour: PALE, anchor: HPos::Center };
        sheet.text([middle, 72.0], "classified as", pale)?;
        sheet.upright([28.0, TOP + side / 2.0], "labelled", pale)?;
        for ((class, counts), label) in matrix.iter().enumerate().zip(&images.classes) {
            let at = (class as f64 + 0.5) * cell;
            let name = Font { size: font, colour: INK, anchor: HPos::Center };
            sheet.text([LEFT + at, TOP - 18.0], &label.to_string(), name)?;
            sheet.text([LEFT - 20.0, TOP + at], &label.to_string(), name)?;
            row(sheet, cell, class, counts)?;
        }
        Ok(())
    })
}

fn title(entry: &Entry, matrix: &[Vec<u32>]) -> String {
    let right: u32 = (0..matrix.len()).map(|class| matrix[class][class]).sum();
    let rows: u32 = matrix.iter().flatten().sum();
    let seeds = if entry.sound().count() > 1 { ", all seeds" } else { "" };
    format!("{}: {right} of {rows} test rows right ({:.2}%){seeds}", entry.name, 100.0 * f64::from(right) / f64::from(rows))
}

/// The rows of one label: what is right in blue, what is wrong in vermilion.
fn row(sheet: &Sheet, cell: f64, label: usize, counts: &[u32]) -> Result<()> {
    let all = f64::from(counts.iter().sum::<u32>().max(1));
    for (class, &count) in counts.iter().enumerate() {
        let (left, top) = (LEFT + class as f64 * cell, TOP + label as f64 * cell);
        // A root, so that one mistake in forty can be seen.
        let part = (f64::from(count) / all).sqrt();
        let colour = mix(PAPER, COLOURS[usize::from(label != class)], part);
        sheet.rectangle([left, top], [left + cell, top + cell], GRID)?;
        sheet.rectangle([left + 1.0, top + 1.0], [left + cell, top + cell], colour)?;
        if count > 0 {
            let ink = if part > 0.6 { PAPER } else { INK };
            let font = Font { size: cell.min(32.0) / 2.0, colour: ink, anchor: HPos::Center };
            sheet.text([left + cell / 2.0, top + cell / 2.0], &count.to_string(), font)?;
        }
    }
    Ok(())
}
