//! The curves of all optimizers: training on the left, test on the right.

use plotters::style::text_anchor::HPos;

use super::Result;
use super::axis::Axis;
use super::panel::{Curve, Panel, SIZE, Style};
use super::sheet::{Font, INK, PALE, Sheet, png};
use crate::report::Entry;
use crate::report::figures::Spread;
use crate::training::{Outcome, Point};

const LEFT: f64 = 78.0;
const TOP: f64 = 104.0;
const BETWEEN: f64 = 82.0;
const LEGEND: f64 = LEFT + 2.0 * SIZE[0] + BETWEEN + 32.0;
/// Of the figures in the legend, and of a letter of a name.
const FIGURES: f64 = 166.0;
const LETTER: f64 = 9.0;
const HEIGHT: u32 = TOP as u32 + SIZE[1] as u32 + 62;
const ROW: f64 = 27.0;

/// Mean cross-entropy.
pub fn loss(entries: &[Entry]) -> Result<Vec<u8>> {
    let [training, test] = sides(entries, |point| point.loss);
    let rows = entries.iter().map(Entry::figures).map(|figures| [figures.training_loss, figures.test_loss]);
    let vertical = [loss_axis(&training), loss_axis(&test)];
    let label = |loss: f64| if loss < 1e-3 { format!("{loss:e}") } else { loss.to_string() };
    let sheet = Curves { title: "Loss", curves: [training, test], vertical, label, figures: rows.collect() };
    // Of small ones, four decimals would be zeros.
    sheet.png(entries, |loss| if loss > 0.0 && loss < 1e-3 { format!("{loss:.1e}") } else { format!("{loss:.4}") })
}

/// Part of the rows that are classified as labelled.
pub fn accuracy(entries: &[Entry]) -> Result<Vec<u8>> {
    let [training, test] = sides(entries, |point| point.accuracy);
    let rows = entries.iter().map(Entry::figures).map(|figures| [figures.training_accuracy, figures.test_accuracy]);
    let vertical = [accuracy_axis(&training), accuracy_axis(&test)];
    let label = |accuracy| format!("{:.0}%", 100.0 * accuracy);
    let sheet = Curves { title: "Accuracy", curves: [training, test], vertical, label, figures: rows.collect() };
    sheet.png(entries, |accuracy| format!("{:.2}%", 100.0 * accuracy))
}

/// A sheet of curves: training and test.
struct Curves {
    title: &'static str,
    curves: [Vec<Curve>; 2],
    vertical: [Axis; 2],
    label: fn(f64) -> String,
    /// The legend's, for each entry.
    figures: Vec<[Option<Spread>; 2]>,
}

impl Curves {
    fn png(self, entries: &[Entry], written: fn(f64) -> String) -> Result<Vec<u8>> {
        let height = HEIGHT.max((TOP + ROW * (entries.len() as f64 + 1.0)) as u32);
        png([(LEGEND + names(entries) + FIGURES) as u32, height], |sheet| {
            sheet.text([LEFT, 34.0], &title(self.title, entries), Font { size: 22.0, colour: INK, anchor: HPos::Left })?;
            legend(sheet, entries, &self.figures, written)?;
            let epochs = self.curves.iter().flatten().flat_map(|curve| &curve.mean).map(|point| point[0]).fold(0.0, f64::max);
            let places = [LEFT, LEFT + SIZE[0] + BETWEEN];
            let titles = ["Training rows, before each update", "Test rows"];
            for (((left, title), curves), vertical) in places.into_iter().zip(titles).zip(self.curves).zip(self.vertical) {
                let horizontal = Axis::linear(0.0, epochs.max(f64::MIN_POSITIVE));
                Panel { title, corner: [left, TOP], horizontal, vertical, label: self.label, curves }.draw(sheet)?;
            }
            Ok(())
        })
    }
}

fn title(quantity: &str, entries: &[Entry]) -> String {
    let seeds = entries.iter().map(|entry| entry.runs.len()).max().unwrap_or_default();
    if seeds > 1 { format!("{quantity}: mean over {seeds} seeds, from the least to the largest") } else { quantity.to_owned() }
}

/// The curves of all entries, on the training and on the test rows.
fn sides(entries: &[Entry], value: fn(&Point) -> f64) -> [Vec<Curve>; 2] {
    let side = |points: fn(&Outcome) -> &[Point]| {
        let curve = |(index, entry)| curve(Style::new(index, entries.len()), entry, points, value);
        entries.iter().enumerate().map(curve).collect()
    };
    [side(|run| &run.training), side(|run| &run.test)]
}

/// Over as many points as the longest run has.
fn curve(style: Style, entry: &Entry, points: fn(&Outcome) -> &[Point], value: fn(&Point) -> f64) -> Curve {
    let mut curve = Curve { style, mean: Vec::new(), low: Vec::new(), high: Vec::new() };
    let length = entry.runs.iter().map(|run| points(run).len()).max().unwrap_or_default();
    for index in 0..length {
        let here: Vec<&Point> = entry.runs.iter().filter_map(|run| points(run).get(index)).collect();
        if let Some(Spread { mean, min, max, .. }) = Spread::of(here.iter().map(|point| value(point))) {
            let epoch = here[0].epoch;
            curve.mean.push([epoch, mean]);
            curve.low.push([epoch, min]);
            curve.high.push([epoch, max]);
        }
    }
    curve
}

/// From the least loss to the largest, but at most three times that of the start: a run that diverges must not flatten the others.
fn loss_axis(curves: &[Curve]) -> Axis {
    let losses = || curves.iter().flat_map(|curve| &curve.mean).map(|point| point[1]).filter(|&loss| loss > 1e-8);
    let start = curves.iter().filter_map(|curve| curve.mean.first()).map(|point| point[1]).fold(0.0, f64::max);
    let (low, high) = (losses().fold(f64::INFINITY, f64::min), losses().fold(0.0, f64::max).min(3.0 * start));
    if low < high { Axis::logarithmic(low, high) } else { Axis::logarithmic(0.1, 1.0) }
}

/// From 10% below the worst result, so that the best can be told apart.
fn accuracy_axis(curves: &[Curve]) -> Axis {
    let worst = curves.iter().filter_map(|curve| curve.mean.last()).map(|point| point[1]).fold(1.0, f64::min);
    Axis::linear(((worst - 0.1) * 20.0).floor().max(0.0) / 20.0, 1.0)
}

/// How wide the legend is up to the figures.
fn names(entries: &[Entry]) -> f64 {
    40.0 + LETTER * entries.iter().map(|entry| entry.name.len()).max().unwrap_or_default().max(8) as f64
}

/// Names and final figures.
fn legend(sheet: &Sheet, entries: &[Entry], figures: &[[Option<Spread>; 2]], written: fn(f64) -> String) -> Result<()> {
    let columns = [72.0, 146.0].map(|figure| LEGEND + names(entries) + figure);
    for (x, title) in columns.into_iter().zip(["training", "test"]) {
        sheet.text([x, TOP - 20.0], title, Font { size: 14.0, colour: PALE, anchor: HPos::Right })?;
    }
    for (index, (entry, figures)) in entries.iter().zip(figures).enumerate() {
        let (y, style) = (TOP + 10.0 + ROW * index as f64, Style::new(index, entries.len()));
        sheet.line(&[[LEGEND, y], [LEGEND + 30.0, y]], 2.2, style.colour)?;
        style.mark(sheet, [LEGEND + 15.0, y])?;
        sheet.text([LEGEND + 40.0, y], &entry.name, Font { size: 15.0, colour: INK, anchor: HPos::Left })?;
        for (x, figure) in columns.into_iter().zip(figures) {
            let text = figure.map_or("-".to_owned(), |figure| written(figure.mean));
            sheet.text([x, y], &text, Font { size: 14.0, colour: INK, anchor: HPos::Right })?;
        }
    }
    Ok(())
}
