//! Handwritten digits, compiled into the program.

use std::error::Error;
use std::io::Read;

use flate2::read::GzDecoder;

use super::Images;

const DIGITS: &[u8] = include_bytes!("../../../data/digits.csv.gz");

/// The 8 x 8 digits of `data/digits.csv.gz`.
pub fn images() -> Result<Images, String> {
    let mut text = String::new();
    GzDecoder::new(DIGITS).read_to_string(&mut text).map_err(|error| format!("digits.csv.gz: {error}"))?;
    of_text(&text)
}

/// The digits of the file's text: in each line the pixels of one, and its label.
pub fn of_text(text: &str) -> Result<Images, String> {
    let mut images =
        Images { pixels: Vec::new(), labels: Vec::new(), width: 8, height: 8, classes: (0..10).collect(), white: 16, test: None };
    for (index, line) in text.lines().enumerate() {
        parse(line, &mut images).map_err(|error| format!("digits.csv.gz, line {}: {error}", index + 1))?;
    }
    Ok(images)
}

fn parse(line: &str, images: &mut Images) -> Result<(), Box<dyn Error>> {
    let row = line.split(',').map(str::parse).collect::<Result<Vec<u8>, _>>()?;
    let fields = images.size() + 1;
    let Some((&label, pixels)) = row.split_last().filter(|_| row.len() == fields) else {
        return Err(format!("{} fields instead of {fields}", row.len()).into());
    };
    if usize::from(label) >= images.classes.len() || pixels.iter().any(|&pixel| pixel > images.white) {
        return Err(format!("a pixel above {} or a label above {}", images.white, images.classes.len() - 1).into());
    }
    images.pixels.extend_from_slice(pixels);
    images.labels.push(label.into());
    Ok(())
}
