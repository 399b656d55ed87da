//! The data: handwritten digits, compiled into the program, and their split into a part to train on and a part to test with.

use std::error::Error;
use std::io::Read;

use flate2::read::GzDecoder;

use crate::random::Random;

const DIGITS: &[u8] = include_bytes!("../../data/digits.csv.gz");

/// Labelled images.
pub struct Images {
    /// One byte per pixel, row after row.
    pub pixels: Vec<u8>,
    /// One per image, below `classes`.
    pub labels: Vec<u32>,
    /// Pixels per image.
    pub size: usize,
    /// How many different labels there are.
    pub classes: usize,
    /// The largest value of a pixel.
    pub white: u8,
}

/// Indices of images.
pub struct Split {
    /// To train on.
    pub train: Vec<u32>,
    /// To test with.
    pub test: Vec<u32>,
}

/// The 8 x 8 digits of `data/digits.csv.gz`.
pub fn digits() -> Result<Images, Box<dyn Error>> {
    let mut text = String::new();
    GzDecoder::new(DIGITS).read_to_string(&mut text).map_err(|error| format!("digits.csv.gz: {error}"))?;
    let mut images = Images { pixels: Vec::new(), labels: Vec::new(), size: 64, classes: 10, white: 16 };
    for (index, line) in text.lines().enumerate() {
        parse(line, &mut images).map_err(|error| format!("digits.csv.gz, line {}: {error}", index + 1))?;
    }
    Ok(images)
}

fn parse(line: &str, images: &mut Images) -> Result<(), Box<dyn Error>> {
    let row = line.split(',').map(str::parse).collect::<Result<Vec<u8>, _>>()?;
    let fields = images.size + 1;
    let Some((&label, pixels)) = row.split_last().filter(|_| row.len() == fields) else {
        return Err(format!("{} fields instead of {fields}", row.len()).into());
    };
    if usize::from(label) >= images.classes || pixels.iter().any(|&pixel| pixel > images.white) {
        return Err(format!("a pixel above {} or a label above {}", images.white, images.classes - 1).into());
    }
    images.pixels.extend_from_slice(pixels);
    images.labels.push(label.into());
    Ok(())
}

impl Split {
    /// A random fifth to test with, the rest to train on.
    pub fn new(images: usize, mut random: Random) -> Self {
        let mut train: Vec<u32> = (0..images as u32).collect();
        random.shuffle(&mut train);
        let test = train.split_off(images - images.div_ceil(5));
        Split { train, test }
    }
}
