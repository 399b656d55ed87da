//! Labelled images, and which of them are for testing.

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
        let labels: Vec<u8> = self.labels.iter().map(|&label| self.classes[label as usize]).collect();
        let (count, test, sum) = (self.labels.len(), self.test(), crc32(crc32(0, &self.pixels), &labels));
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

/// What each four bits do to a CRC-32. flate2's tables are for more speed than two sums a run need, and would be 16 KB of the page.
const FOUR_BITS: [u32; 16] = {
    let mut table = [0; 16];
    let mut entry = 0;
    while entry < 16 {
        let mut sum = entry as u32;
        let mut bit = 0;
        while bit < 4 {
            sum = (sum >> 1) ^ (0xedb8_8320 * (sum & 1));
            bit += 1;
        }
        table[entry] = sum;
        entry += 1;
    }
    table
};

/// The CRC-32 of bytes that follow those of another one, or 0.
const fn crc32(before: u32, bytes: &[u8]) -> u32 {
    let mut sum = !before;
    let mut index = 0;
    while index < bytes.len() {
        sum ^= bytes[index] as u32;
        sum = (sum >> 4) ^ FOUR_BITS[(sum & 15) as usize];
        sum = (sum >> 4) ^ FOUR_BITS[(sum & 15) as usize];
        index += 1;
    }
    !sum
}

/// The check value of CRC-32, in one piece and in two.
const _: () = assert!(crc32(0, b"123456789") == 0xcbf4_3926 && crc32(crc32(0, b"1234"), b"56789") == 0xcbf4_3926);
