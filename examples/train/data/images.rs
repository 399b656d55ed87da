//! Labelled images, and which of them are for testing.

use crc::{CRC_32_ISO_HDLC, Crc, NoTable};

use crate::random::Random;

/// Labelled images. None is empty.
#[derive(Clone, Debug, PartialEq)]
pub struct Images {
    /// One byte per pixel, row after row.
    pub pixels: Vec<u8>,
    /// The class of each image, an index into `classes`.
    pub labels: Vec<u32>,
    /// Pixels per row of an image.
    pub width: usize,
    /// Rows of pixels per image.
    pub height: usize,
    /// The labels that there are to train on, ascending: one output of the network each.
    pub classes: Vec<u8>,
    /// The largest value of a pixel.
    pub white: u8,
    /// How many images at the end are for testing, if the data say so.
    pub test: Option<usize>,
}

/// Indices of images.
#[derive(Clone, Debug)]
pub struct Split {
    /// To train on.
    pub train: Vec<u32>,
    /// To test with.
    pub test: Vec<u32>,
}

impl Images {
    /// Pixels per image.
    pub fn size(&self) -> usize {
        self.width * self.height
    }

    /// Ranges of labels up to the largest that no image has, as text.
    pub fn gaps(&self) -> Vec<String> {
        let mut gaps = Vec::new();
        let mut next = 0;
        for label in self.classes.iter().map(|&label| usize::from(label)) {
            match label - next {
                0 => {}
                1 => gaps.push(next.to_string()),
                _ => gaps.push(format!("{next} to {}", label - 1)),
            }
            next = label + 1;
        }
        gaps
    }

    /// Tells them from others: how many, how large, and a checksum of all pixels and labels.
    pub fn fingerprint(&self) -> String {
        // Without tables, which would be part of the page: there are two sums in a run.
        let crc = Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC);
        let mut digest = crc.digest();
        digest.update(&self.pixels);
        self.labels.iter().for_each(|&label| digest.update(&[self.classes[label as usize]]));
        let (count, test, sum) = (self.labels.len(), self.test(), digest.finalize());
        format!("{count} images of {} x {} (CRC-32 {sum:08x}), {test} of them for testing", self.height, self.width)
    }

    /// How many there are to train on.
    pub fn train(&self) -> usize {
        self.labels.len() - self.test()
    }

    /// How many there are to test with: those that the data name, else a fifth.
    pub fn test(&self) -> usize {
        self.test.unwrap_or(self.labels.len().div_ceil(5))
    }

    /// The pixels and the labels of these images.
    pub fn select(&self, images: &[u32]) -> (Vec<u8>, Vec<u32>) {
        let size = self.size();
        let pixels = images.iter().flat_map(|&image| &self.pixels[image as usize * size..][..size]).copied().collect();
        (pixels, images.iter().map(|&image| self.labels[image as usize]).collect())
    }

    /// The split that the data name, else a random one.
    pub fn split(&self, mut random: Random) -> Split {
        let mut train: Vec<u32> = (0..self.labels.len() as u32).collect();
        if self.test.is_none() {
            // Fisher and Yates' shuffle.
            for last in (1..train.len()).rev() {
                train.swap(last, random.below(last + 1));
            }
        }
        let test = train.split_off(self.train());
        Split { train, test }
    }
}
