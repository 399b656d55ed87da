//! What the first layer looks for.

use plotters::style::RGBColor;
use plotters::style::text_anchor::HPos;

use super::Result;
use super::sheet::{COLOURS, Font, INK, PALE, PAPER, Place, Sheet, mix, png};
use crate::data::Images;
use crate::report::Entry;

const COLUMNS: usize = 16;
/// Units that are shown at most.
const UNITS: usize = 256;
/// Pixels of an image's longer side, about, and from one image to the next.
const SIDE: usize = 56;
const GAP: usize = 6;
const MARGIN: usize = 28;
const TOP: usize = 96;
const LEGEND: usize = 160;
/// So that the title has room.
const NARROWEST: usize = 720;

/// The weights of each unit of the first layer as an image, all on one scale.
pub fn weights(entry: &Entry, images: &Images) -> Result<Vec<u8>> {
    let (weights, seed) = entry.sound().next().map_or((&[][..], 0), |run| (&run.weights, run.seed));
    let units: Vec<&[f32]> = weights.chunks_exact(images.size()).take(UNITS).collect();
    let scale = units.iter().copied().flatten().fold(f32::MIN_POSITIVE, |scale, weight| scale.max(weight.abs()));
    let zoom = (SIDE / images.width.max(images.height)).max(1);
    let (wide, high) = (zoom * images.width + GAP, zoom * images.height + GAP);
    let grid = wide * units.len().min(COLUMNS) - GAP;
    let width = (grid + 2 * MARGIN).max(NARROWEST);
    let height = TOP + high * units.len().div_ceil(COLUMNS) - GAP + MARGIN;
    png([width as u32, height as u32], |sheet| {
        let (shown, all) = (units.len(), weights.len() / images.size());
        let which = if shown < all { format!("the first {shown} of {all} units") } else { format!("its {all} units") };
        let title = format!("{}: first-layer weights of {which}, seed {seed}", entry.name);
        sheet.text([width as f64 / 2.0, 30.0], &title, Font { size: 20.0, colour: INK, anchor: HPos::Center })?;
        legend(sheet, width as f64 / 2.0, scale)?;
        for (index, unit) in units.iter().enumerate() {
            let left = (width - grid) / 2 + index % COLUMNS * wide;
            let top = TOP + index / COLUMNS * high;
            image(sheet, [left as f64, top as f64], unit, images.width, zoom as f64, scale)?;
        }
        Ok(())
    })
}

fn image(sheet: &Sheet, [left, top]: Place, unit: &[f32], width: usize, zoom: f64, scale: f32) -> Result<()> {
    for (index, &weight) in unit.iter().enumerate() {
        let (x, y) = (left + (index % width) as f64 * zoom, top + (index / width) as f64 * zoom);
        sheet.rectangle([x, y], [x + zoom, y + zoom], colour(weight / scale))?;
    }
    Ok(())
}

fn legend(sheet: &Sheet, middle: f64, scale: f32) -> Result<()> {
    let (left, y) = (middle - LEGEND as f64 / 2.0, 66.0);
    for x in 0..LEGEND {
        let (from, part) = (left + x as f64, 2.0 * x as f32 / (LEGEND - 1) as f32 - 1.0);
        sheet.rectangle([from, y - 7.0], [from + 1.0, y + 7.0], colour(part))?;
    }
    sheet.text([left - 10.0, y], &format!("\u{2212}{scale:.2}"), Font { size: 15.0, colour: PALE, anchor: HPos::Right })?;
    sheet.text([left + LEGEND as f64 + 10.0, y], &format!("+{scale:.2}"), Font { size: 15.0, colour: PALE, anchor: HPos::Left })
}

/// Blue, white, vermilion for -1, 0, 1.
fn colour(part: f32) -> RGBColor {
    mix(PAPER, COLOURS[usize::from(part > 0.0)], part.abs().into())
}
