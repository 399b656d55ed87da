//! The sheet: the picture, what there was before and is after, the splats, the error, and how it went.

#[path = "../../train/report/pictures/axis.rs"]
#[allow(dead_code, reason = "not all of it is for this program")]
mod axis;
mod curves;
mod ellipses;
#[path = "../../train/report/pictures/sheet.rs"]
#[allow(dead_code, reason = "not all of it is for this program")]
mod sheet;

use plotters::style::RGBColor;
use plotters::style::text_anchor::HPos;

use crate::fit::{Goal, Log};
use curves::curves;
use ellipses::ellipses;
use sheet::{Font, INK, PALE, Place, Sheet};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Logical pixels of a pixel of the pictures.
const ZOOM: f64 = 2.0;
const MARGIN: f64 = 28.0;
const GAP: f64 = 22.0;
/// Above the pictures, for the title; and above each row of them, for its titles.
const HEAD: f64 = 58.0;
const TITLE: f64 = 30.0;
/// By how much errors are enlarged.
const ERROR: f32 = 4.0;

/// All that is on the sheet.
pub struct Report<'a> {
    /// What was to be fitted.
    pub goal: &'a Goal,
    /// The splats at first.
    pub before: &'a [[f32; 3]],
    /// The splats in the end.
    pub after: &'a [[f32; 3]],
    /// Their parameters.
    pub splats: &'a [Vec<f32>],
    /// Before and after, in decibels.
    pub psnr: [f64; 2],
    /// How it went.
    pub log: &'a Log,
    /// How many splats there are.
    pub count: usize,
}

/// The sheet as a PNG file.
pub fn png(report: &Report<'_>) -> Result<Vec<u8>> {
    let [width, height] = cell(report.goal);
    let size = [2.0 * MARGIN + 3.0 * width + 2.0 * GAP, HEAD + 2.0 * (TITLE + height) + GAP + MARGIN + 16.0];
    sheet::png(size.map(|along| along as u32), |sheet| report.draw(sheet))
}

/// Width and height of a picture on the sheet.
fn cell(goal: &Goal) -> [f64; 2] {
    goal.size.map(|along| along as f64 * ZOOM)
}

impl Report<'_> {
    fn draw(&self, sheet: &Sheet<'_>) -> Result<()> {
        let (steps, count, [before, after]) = (self.log.losses.len(), self.count, self.psnr);
        let [columns, rows] = self.goal.size;
        let title = format!("{count} Gaussian splats learn a picture of {columns} x {rows} pixels");
        sheet.text([MARGIN, 32.0], &title, Font { size: 22.0, colour: INK, anchor: HPos::Left })?;
        let error: Vec<[f32; 3]> =
            self.after.iter().zip(&self.goal.pixels).map(|(a, b)| [0, 1, 2].map(|i| ERROR * (a[i] - b[i]).abs())).collect();
        let first = self.log.counts.first().copied().unwrap_or_default();
        let cells = [
            ("the picture".to_owned(), Some(&*self.goal.pixels)),
            (format!("step 0: {first} splats anywhere, {before:.1} dB"), Some(self.before)),
            (format!("step {steps}: {count} splats, {after:.1} dB"), Some(self.after)),
            ("these splats, to half a standard deviation".to_owned(), None),
            (format!("what is still wrong, {ERROR} times as bright"), Some(&*error)),
        ];
        for (index, (title, picture)) in cells.iter().enumerate() {
            let corner = self.corner(index, sheet, title)?;
            match picture {
                Some(pixels) => show(sheet, corner, pixels, columns)?,
                None => ellipses(sheet, corner, self.goal.size, ZOOM, self.splats)?,
            }
        }
        let corner = self.corner(cells.len(), sheet, "how it went, step by step")?;
        curves(sheet, corner, cell(self.goal), self.log)
    }

    /// Where the picture of this number begins, below its title.
    fn corner(&self, index: usize, sheet: &Sheet<'_>, title: &str) -> Result<Place> {
        let [width, height] = cell(self.goal);
        let (column, row) = ((index % 3) as f64, (index / 3) as f64);
        let corner = [MARGIN + column * (width + GAP), HEAD + TITLE + row * (height + GAP + TITLE)];
        sheet.text([corner[0], corner[1] - 15.0], title, Font { size: 15.0, colour: PALE, anchor: HPos::Left })?;
        Ok(corner)
    }
}

fn show(sheet: &Sheet<'_>, [left, top]: Place, pixels: &[[f32; 3]], columns: usize) -> Result<()> {
    for (index, &pixel) in pixels.iter().enumerate() {
        let from = [left + ZOOM * (index % columns) as f64, top + ZOOM * (index / columns) as f64];
        sheet.rectangle(from, from.map(|along| along + ZOOM), colour(pixel))?;
    }
    Ok(())
}

fn colour(pixel: [f32; 3]) -> RGBColor {
    let [red, green, blue] = pixel.map(|channel| (255.0 * channel.clamp(0.0, 1.0)).round() as u8);
    RGBColor(red, green, blue)
}
