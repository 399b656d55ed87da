//! A white sheet to draw on, in logical pixels, its font and its colours.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, register_font};

use super::Result;

/// From the left and from the top.
pub type Place = [f64; 2];

/// Okabe and Ito's colours, which people with any kind of colour blindness tell apart (<https://jfly.uni-koeln.de/color/>), without the
/// yellow, which is too pale for lines on white.
pub const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(0, 0, 0),
];
/// Text.
pub const INK: RGBColor = RGBColor(33, 37, 41);
/// Text of less weight, and axes.
pub const PALE: RGBColor = RGBColor(96, 104, 112);
/// Lines behind the data.
pub const GRID: RGBColor = RGBColor(225, 228, 231);
/// The sheet.
pub const PAPER: RGBColor = RGBColor(255, 255, 255);

const FONT: &str = "DejaVu Sans";
/// Pixels that are averaged for one of the file, in both directions: plotters' wide lines have hard edges.
const OVERSAMPLING: u32 = 3;

/// A sheet.
pub struct Sheet<'a> {
    area: DrawingArea<BitMapBackend<'a>, Shift>,
}

/// How a text looks, and which point of it is given; vertically it is the middle.
#[derive(Clone, Copy)]
pub struct Font {
    pub size: f64,
    pub colour: RGBColor,
    pub anchor: HPos,
}

/// Draws a sheet and encodes it.
pub fn png([width, height]: [u32; 2], draw: impl FnOnce(&Sheet) -> Result<()>) -> Result<Vec<u8>> {
    // Fonts of the system differ from machine to machine, and some have none.
    register_font(FONT, FontStyle::Normal, dejavu::sans::regular()).map_err(|_| "the font is unreadable")?;
    let size = (width * OVERSAMPLING, height * OVERSAMPLING);
    let mut pixels = vec![0; 3 * size.0 as usize * size.1 as usize];
    let sheet = Sheet { area: BitMapBackend::with_buffer(&mut pixels, size).into_drawing_area() };
    sheet.area.fill(&PAPER)?;
    draw(&sheet)?;
    sheet.area.present()?;
    drop(sheet);
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&averaged(&pixels, size.0 as usize))?;
    writer.finish()?;
    Ok(file)
}

fn averaged(pixels: &[u8], width: usize) -> Vec<u8> {
    let n = OVERSAMPLING as usize;
    let row = |rows: &[u8]| -> Vec<u8> {
        let sample = |channel: usize, k: usize| usize::from(rows[3 * (width * (k / n) + channel / 3 * n + k % n) + channel % 3]);
        let mean = |channel: usize| (0..n * n).map(|k| sample(channel, k)).sum::<usize>() / (n * n);
        (0..3 * width / n).map(|channel| mean(channel) as u8).collect()
    };
    pixels.chunks(3 * width * n).flat_map(row).collect()
}

/// Between two colours, linearly.
pub fn mix(from: RGBColor, to: RGBColor, part: f64) -> RGBColor {
    let channel = |from: u8, to: u8| (f64::from(from) + (f64::from(to) - f64::from(from)) * part.clamp(0.0, 1.0)).round() as u8;
    RGBColor(channel(from.0, to.0), channel(from.1, to.1), channel(from.2, to.2))
}

impl Sheet<'_> {
    /// A rectangle with these corners, the second one just outside.
    pub fn rectangle(&self, from: Place, to: Place, colour: RGBColor) -> Result<()> {
        Ok(self.area.draw(&Rectangle::new([place(from), place(to)], colour.filled()))?)
    }

    /// The inside of a closed line.
    pub fn polygon(&self, ring: &[Place], colour: RGBColor, opacity: f64) -> Result<()> {
        Ok(self.area.draw(&Polygon::new(places(ring), colour.mix(opacity).filled()))?)
    }

    /// A line with round joints: plotters' own leave gaps where a wide line turns sharply.
    pub fn line(&self, points: &[Place], width: f64, colour: RGBColor) -> Result<()> {
        let (points, width) = (places(points), (width * f64::from(OVERSAMPLING)).round() as u32);
        for pair in points.windows(2) {
            self.area.draw(&PathElement::new(pair.to_vec(), colour.stroke_width(width)))?;
        }
        for &point in points.iter().filter(|_| width > 3) {
            self.area.draw(&Circle::new(point, width / 2, colour.filled()))?;
        }
        Ok(())
    }

    /// A disc.
    pub fn disc(&self, centre: Place, radius: f64, colour: RGBColor) -> Result<()> {
        let radius = (radius * f64::from(OVERSAMPLING)).round() as u32;
        Ok(self.area.draw(&Circle::new(place(centre), radius, colour.filled()))?)
    }

    /// One line of text.
    pub fn text(&self, at: Place, text: &str, font: Font) -> Result<()> {
        Ok(self.area.draw_text(text, &style(font, FontTransform::None), place(at))?)
    }

    /// One line of text from the bottom to the top.
    pub fn upright(&self, at: Place, text: &str, font: Font) -> Result<()> {
        Ok(self.area.draw_text(text, &style(font, FontTransform::Rotate270), place(at))?)
    }
}

fn style(Font { size, colour, anchor }: Font, transform: FontTransform) -> TextStyle<'static> {
    let font = (FONT, size * f64::from(OVERSAMPLING)).into_font().transform(transform);
    let (color, pos) = (colour.to_backend_color(), Pos::new(anchor, VPos::Center));
    TextStyle { font, color, pos }
}

fn place([x, y]: Place) -> (i32, i32) {
    let scaled = |length: f64| (length * f64::from(OVERSAMPLING)).round() as i32;
    (scaled(x), scaled(y))
}

fn places(points: &[Place]) -> Vec<(i32, i32)> {
    let mut places: Vec<_> = points.iter().copied().map(place).collect();
    places.dedup();
    places
}
