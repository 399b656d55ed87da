//! Lines on two logarithmic axes.

use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

use crate::Result;

/// One line.
pub struct Line {
    pub name: String,
    pub points: Vec<(f64, f64)>,
    /// Black and wide: what the others are compared with.
    pub bold: bool,
}

/// A picture of lines.
pub struct Chart {
    pub title: String,
    pub horizontal: &'static str,
    pub vertical: &'static str,
    pub lines: Vec<Line>,
}

const SIZE: (u32, u32) = (2000, 1300);
const LEGEND: i32 = 460;
const FONT: &str = "DejaVu Sans";
/// Okabe and Ito's colours, which people with any kind of colour blindness tell apart, without yellow and black.
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
];
/// Lines of one colour differ in their marks: so many kinds.
const MARKS: usize = 4;
const GRID: RGBColor = RGBColor(225, 228, 231);

impl Chart {
    pub fn png(&self, subtitle: &str) -> Result<Vec<u8>> {
        // Fonts of the system differ from machine to machine, and some have none.
        register_font(FONT, FontStyle::Normal, dejavu::sans::regular()).map_err(|_| "the font is unreadable")?;
        let mut pixels = vec![0; 3 * (SIZE.0 * SIZE.1) as usize];
        self.draw(subtitle, &mut pixels)?;
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, SIZE.0, SIZE.1);
        encoder.set_color(png::ColorType::Rgb);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&pixels)?;
        writer.finish()?;
        Ok(file)
    }

    fn draw(&self, subtitle: &str, pixels: &mut [u8]) -> Result<()> {
        let area = BitMapBackend::with_buffer(pixels, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let ((left, right), (low, high)) = (self.range(|point| point.0), self.range(|point| point.1));
        let mut chart = ChartBuilder::on(&area)
            .caption(format!("{} ({subtitle})", self.title), (FONT, 34))
            .margin(30)
            .margin_right(LEGEND)
            .x_label_area_size(80)
            .y_label_area_size(110)
            .build_cartesian_2d((left..right).log_scale(), (low..high).log_scale())?;
        chart
            .configure_mesh()
            .x_desc(self.horizontal)
            .y_desc(self.vertical)
            .label_style((FONT, 24))
            .x_label_formatter(&|value| plain(*value))
            .y_label_formatter(&|value| plain(*value))
            .bold_line_style(GRID)
            .light_line_style(GRID.mix(0.4))
            .draw()?;
        let (mut y, mut number) = (90, 0);
        for line in &self.lines {
            let (colour, width) = if line.bold { (BLACK, 6) } else { (COLOURS[number % COLOURS.len()], 3) };
            let mark = if line.bold { MARKS } else { number / COLOURS.len() };
            number += usize::from(!line.bold);
            chart.draw_series(LineSeries::new(line.points.iter().copied(), colour.stroke_width(width)))?;
            for &point in &line.points {
                let place = chart.backend_coord(&point);
                draw_mark(&area, mark, place, colour)?;
            }
            let x = SIZE.0 as i32 - LEGEND + 20;
            area.draw(&PathElement::new([(x, y + 12), (x + 50, y + 12)], colour.stroke_width(width)))?;
            draw_mark(&area, mark, (x + 25, y + 12), colour)?;
            area.draw(&Text::new(line.name.clone(), (x + 62, y), (FONT, 22).into_font()))?;
            y += 36;
        }
        area.present()?;
        Ok(())
    }

    /// From the least to the largest, with a little room.
    fn range(&self, coordinate: fn(&(f64, f64)) -> f64) -> (f64, f64) {
        let values = || self.lines.iter().flat_map(|line| &line.points).map(coordinate);
        (values().fold(f64::INFINITY, f64::min) * 0.8, values().fold(0.0, f64::max) * 1.25)
    }
}

fn draw_mark(
    area: &DrawingArea<BitMapBackend<'_>, plotters::coord::Shift>,
    kind: usize,
    (x, y): (i32, i32),
    colour: RGBColor,
) -> Result<()> {
    let ring = |corners: &[(i32, i32)]| {
        Polygon::new(corners.iter().map(|(right, down)| (x + right, y + down)).collect::<Vec<_>>(), colour.filled())
    };
    match kind {
        0 => area.draw(&Circle::new((x, y), 8, colour.filled()))?,
        1 => area.draw(&ring(&[(-8, -8), (8, -8), (8, 8), (-8, 8)]))?,
        2 => area.draw(&ring(&[(0, -11), (10, 8), (-10, 8)]))?,
        3 => area.draw(&ring(&[(0, -12), (12, 0), (0, 12), (-12, 0)]))?,
        _ => {}
    }
    Ok(())
}

/// As people write it.
fn plain(value: f64) -> String {
    if value >= 1e4 { format!("{value:.0e}") } else { format!("{}", (value * 1e6).round() / 1e6) }
}
