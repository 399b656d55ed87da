//! The same sheet as pixels and as SVG.

use std::error::Error;

use plotters::prelude::{BitMapBackend, DrawingBackend, IntoDrawingArea, SVGBackend};

use super::canvas::{Medium, Plotters, register_fonts};
use super::colors::PAPER;
use super::{Drawn, SIZE, Sheet};

/// Units of each pixel of the PNG, in both directions: its edges are smooth by averaging.
const OVERSAMPLING: u32 = 3;
/// Units of a logical pixel in the SVG.
const PRECISION: u32 = 4;

/// The sheet as a PNG file.
pub fn png(sheet: &Sheet<'_>) -> Result<Vec<u8>, Box<dyn Error>> {
    let [width, height] = SIZE.map(|size| size * OVERSAMPLING);
    let mut pixels = vec![0; 3 * (width * height) as usize];
    let medium = Medium { scale: OVERSAMPLING, joints: true, drop: 0.17 };
    draw(sheet, BitMapBackend::with_buffer(&mut pixels, (width, height)), medium)?;
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, SIZE[0], SIZE[1]);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::High);
    encoder.set_filter(png::Filter::NoFilter);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&average(&pixels, width as usize))?;
    writer.finish()?;
    Ok(file)
}

/// The sheet as an SVG file.
pub fn svg(sheet: &Sheet<'_>) -> Result<Vec<u8>, Box<dyn Error>> {
    let [width, height] = SIZE.map(|size| size * PRECISION);
    let mut text = String::new();
    draw(sheet, SVGBackend::with_string(&mut text, (width, height)), Medium { scale: PRECISION, joints: false, drop: 0.0 })?;
    // plotters writes the units' number as the size, and no style for joints.
    let drawn = format!("width=\"{width}\" height=\"{height}\"");
    let shown = format!("width=\"{}\" height=\"{}\" stroke-linejoin=\"round\" stroke-linecap=\"round\"", SIZE[0], SIZE[1]);
    Ok(text.replacen(&drawn, &shown, 1).into_bytes())
}

fn draw<DB: DrawingBackend<ErrorType: 'static>>(sheet: &Sheet<'_>, backend: DB, medium: Medium) -> Drawn {
    register_fonts()?;
    let area = backend.into_drawing_area();
    area.fill(&PAPER)?;
    let canvas = Plotters { area, medium };
    sheet.draw(&canvas)?;
    Ok(canvas.area.present()?)
}

/// Averages squares of `OVERSAMPLING` pixels of RGB.
fn average(pixels: &[u8], width: usize) -> Vec<u8> {
    let n = OVERSAMPLING as usize;
    let row = |rows: &[u8]| -> Vec<u8> {
        let sum = |channel: usize| -> usize {
            let at = 3 * n * (channel / 3) + channel % 3;
            (0..n * n).map(|k| usize::from(rows[3 * width * (k / n) + at + 3 * (k % n)])).sum()
        };
        (0..3 * width / n).map(|channel| (sum(channel) / (n * n)) as u8).collect()
    };
    pixels.chunks(3 * width * n).flat_map(row).collect()
}
