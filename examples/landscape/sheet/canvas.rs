//! What the sheet draws with, in logical pixels; plotters does it, on a bitmap or in SVG.

use std::error::Error;

use plotters::coord::Shift;
use plotters::element::PathElement;
use plotters::prelude::{Circle, DrawingArea, DrawingBackend, Polygon, RGBColor};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontStyle, IntoFont, IntoTextStyle, register_font};

use crate::lines::Point;

/// Whether it could be drawn.
pub type Drawn = Result<(), Box<dyn Error>>;

/// The typeface is embedded for bitmaps. SVG names it, and where it is missing one as wide.
const FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";

/// How a text looks; it is centered vertically.
#[derive(Clone, Copy)]
pub struct Font {
    /// Height of a line.
    pub size: f64,
    /// Its weight.
    pub style: FontStyle,
    /// Its color.
    pub color: RGBColor,
    /// Which side of it is given.
    pub anchor: HPos,
}

/// A surface in logical pixels.
pub trait Canvas {
    /// The inside of a closed line that does not cross itself.
    fn fill(&self, ring: &[Point], color: RGBColor) -> Drawn;
    /// A line with round joints.
    fn line(&self, points: &[Point], width: f64, color: RGBColor) -> Drawn;
    /// A disc.
    fn dot(&self, center: Point, radius: f64, color: RGBColor) -> Drawn;
    /// One line of text.
    fn text(&self, at: Point, text: &str, font: Font) -> Drawn;
}

/// What is different from one medium to the other.
#[derive(Clone, Copy, Debug)]
pub struct Medium {
    /// The medium's units per logical pixel. Both have whole ones, so they need several.
    pub scale: u32,
    /// Whether lines have to be drawn segment by segment with a disc at each joint: plotters fills the outline of a wide line, with gaps
    /// where it turns sharply.
    pub joints: bool,
    /// How far below its place a text has to be asked for to be centered there, in its size: plotters' bitmaps have it higher.
    pub drop: f64,
}

/// Makes the typeface known to plotters.
pub fn register_fonts() -> Drawn {
    for (style, bytes) in [(FontStyle::Normal, dejavu::sans::regular()), (FontStyle::Bold, dejavu::sans::bold())] {
        register_font(FAMILY, style, bytes).map_err(|_| "the typeface cannot be read")?;
    }
    Ok(())
}

/// One of plotters' backends as a canvas.
pub struct Plotters<DB: DrawingBackend> {
    /// All of it.
    pub area: DrawingArea<DB, Shift>,
    /// What it is.
    pub medium: Medium,
}

impl<DB: DrawingBackend> Plotters<DB> {
    fn units(&self, length: f64) -> f64 {
        length * f64::from(self.medium.scale)
    }

    fn place(&self, point: Point) -> (i32, i32) {
        (self.units(point[0]).round() as i32, self.units(point[1]).round() as i32)
    }

    fn places(&self, points: &[Point]) -> Vec<(i32, i32)> {
        let mut places: Vec<_> = points.iter().map(|&point| self.place(point)).collect();
        places.dedup();
        places
    }
}

impl<DB: DrawingBackend<ErrorType: 'static>> Canvas for Plotters<DB> {
    fn fill(&self, ring: &[Point], color: RGBColor) -> Drawn {
        Ok(self.area.draw(&Polygon::new(self.places(ring), color.filled()))?)
    }

    fn line(&self, points: &[Point], width: f64, color: RGBColor) -> Drawn {
        let places = self.places(points);
        let width = self.units(width).round().max(1.0) as u32;
        if !self.medium.joints {
            return Ok(self.area.draw(&PathElement::new(places, color.stroke_width(width)))?);
        }
        for pair in places.windows(2) {
            self.area.draw(&PathElement::new(pair.to_vec(), color.stroke_width(width)))?;
        }
        for place in places {
            self.area.draw(&Circle::new(place, width / 2, color.filled()))?;
        }
        Ok(())
    }

    fn dot(&self, center: Point, radius: f64, color: RGBColor) -> Drawn {
        Ok(self.area.draw(&Circle::new(self.place(center), self.units(radius) as u32, color.filled()))?)
    }

    fn text(&self, at: Point, text: &str, font: Font) -> Drawn {
        let style = (FAMILY, self.units(font.size), font.style).into_font().into_text_style(&self.area);
        let style = style.color(&font.color).pos(Pos::new(font.anchor, VPos::Center));
        Ok(self.area.draw_text(text, &style, self.place([at[0], at[1] + self.medium.drop * font.size]))?)
    }
}
