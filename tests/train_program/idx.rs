//! IDX files, whole and broken in every way.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::data::{Images, load};
use super::random::Random;
use super::{cli, folder, run};

const IMAGES: u32 = 0x0803;
const LABELS: u32 = 0x0801;
const TRAIN_IMAGES: &str = "train-images-idx3-ubyte";
const TRAIN_LABELS: &str = "train-labels-idx1-ubyte";
const TEST_IMAGES: &str = "t10k-images-idx3-ubyte";
const TEST_LABELS: &str = "t10k-labels-idx1-ubyte";

/// A file: header words, then bytes.
fn idx(header: &[u32], bytes: &[u8]) -> Vec<u8> {
    header.iter().flat_map(|word| word.to_be_bytes()).chain(bytes.iter().copied()).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("a Vec can be written");
    encoder.finish().expect("a Vec can be written")
}

fn write(path: &Path, name: &str, bytes: &[u8]) {
    fs::write(path.join(name), bytes).expect("the tests' own folder can be written");
}

/// Three images of 2 x 4 to train on and two to test with.
pub fn whole(path: &Path) {
    write(path, TRAIN_IMAGES, &idx(&[IMAGES, 3, 2, 4], &(0..24).collect::<Vec<u8>>()));
    write(path, TRAIN_LABELS, &idx(&[LABELS, 3], &[2, 0, 1]));
    write(path, TEST_IMAGES, &idx(&[IMAGES, 2, 2, 4], &[255; 16]));
    write(path, TEST_LABELS, &idx(&[LABELS, 2], &[1, 2]));
}

fn read(path: &Path) -> Result<Images, String> {
    load(path.to_str().expect("the tests' own folder has an ordinary name"))
}

#[test]
fn plain_and_gzip_files_are_the_same() {
    let (plain, packed) = (folder("idx-plain"), folder("idx-gzip"));
    whole(&plain);
    for name in [TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS] {
        write(&packed, &format!("{name}.gz"), &gzip(&fs::read(plain.join(name)).expect("it was just written")));
    }
    let images = read(&plain).expect("the files are whole");
    assert_eq!(Ok(&images), read(&packed).as_ref());
    // A gzip file may have several members, one after another.
    let bytes = fs::read(plain.join(TRAIN_IMAGES)).expect("it was just written");
    write(&packed, &format!("{TRAIN_IMAGES}.gz"), &[gzip(&bytes[..9]), gzip(&bytes[9..]), gzip(&[])].concat());
    assert_eq!(Ok(&images), read(&packed).as_ref());
    assert_eq!((images.width, images.height, images.classes.clone(), images.white, images.test), (4, 2, vec![0, 1, 2], 255, Some(2)));
    assert_eq!((images.labels.clone(), images.pixels[..24].to_vec()), (vec![2, 0, 1, 1, 2], (0..24).collect()));
    let split = images.split(Random::new(1, 0));
    assert_eq!((split.train, split.test), (vec![0, 1, 2], vec![3, 4]), "the files say which rows are for testing");
}

#[test]
fn broken_files_are_refused() {
    let pixels: Vec<u8> = (0..24).collect();
    let whole_images = gzip(&idx(&[IMAGES, 3, 2, 4], &pixels));
    let cases: [(&str, &str, Vec<u8>, &str); 20] = [
        ("empty", TRAIN_IMAGES, vec![], "truncated: it ends within the header"),
        ("half-magic", TRAIN_LABELS, vec![0, 0], "truncated: it ends within the header"),
        ("half-header", TEST_IMAGES, idx(&[IMAGES, 2], &[0, 0]), "truncated: it ends within the header"),
        ("labels-as-images", TRAIN_IMAGES, idx(&[LABELS, 3], &[0; 3]), "the magic number is 0x00000801 instead of 0x00000803"),
        ("images-as-labels", TEST_LABELS, idx(&[IMAGES, 2, 2, 4], &[0; 16]), "the magic number is 0x00000803 instead of 0x00000801"),
        ("text", TRAIN_IMAGES, b"<html>not found</html>".to_vec(), "the magic number is 0x3c68746d"),
        ("gzip-without-name", TRAIN_IMAGES, whole_images.clone(), "the magic number is 0x1f8b"),
        (
            "short",
            TRAIN_IMAGES,
            idx(&[IMAGES, 3, 2, 4], &pixels[..23]),
            "truncated: 23 bytes after the header instead of 24; its sizes are [3, 2, 4]",
        ),
        ("long", TRAIN_IMAGES, idx(&[IMAGES, 3, 2, 2], &pixels), "more than 12 bytes after the header; its sizes are [3, 2, 2]"),
        ("few-labels", TRAIN_LABELS, idx(&[LABELS, 2], &[0, 1]), "2 labels for 3 images"),
        ("none", TRAIN_LABELS, idx(&[LABELS, 0], &[]), "the sizes are [0]; their product must be 1 to"),
        ("flat", TRAIN_IMAGES, idx(&[IMAGES, 3, 0, 4], &[]), "the sizes are [3, 0, 4]"),
        ("huge", TRAIN_IMAGES, idx(&[IMAGES, u32::MAX, u32::MAX, u32::MAX], &[]), "their product must be 1 to 1073741824"),
        // Neither is unpacked: what the headers say is compared first.
        ("too-much", TRAIN_IMAGES, idx(&[IMAGES, 3, 20_000, 20_000], &[]), "their product must be 1 to 1073741824"),
        ("more-images", TRAIN_IMAGES, idx(&[IMAGES, 1 << 20, 28, 28], &[]), "3 labels for 1048576 images"),
        ("other-size", TEST_IMAGES, idx(&[IMAGES, 2, 4, 4], &[0; 32]), "images of 4 x 4 pixels, those to train on have 2 x 4"),
        ("other-label", TEST_LABELS, idx(&[LABELS, 2], &[1, 3]), "label 1 is 3, which no image to train on has"),
        ("one-class", TRAIN_LABELS, idx(&[LABELS, 3], &[0; 3]), "all labels are 0"),
        ("another-class", TRAIN_LABELS, idx(&[LABELS, 3], &[7; 3]), "all labels are 7"),
        ("in-a-gap", TEST_LABELS, idx(&[LABELS, 2], &[0, 255]), "label 1 is 255, which no image to train on has"),
    ];
    for (case, name, bytes, message) in cases {
        let path = folder(&format!("idx-{case}"));
        whole(&path);
        write(&path, name, &bytes);
        refused(case, &path, name, message);
    }
    let path = folder("idx-odd-pixels");
    whole(&path);
    write(&path, TRAIN_IMAGES, &idx(&[IMAGES, 3, 3, 3], &[0; 27]));
    write(&path, TEST_IMAGES, &idx(&[IMAGES, 2, 3, 3], &[0; 18]));
    refused("odd-pixels", &path, TRAIN_IMAGES, "3 x 3 pixels are not a multiple of 4");
}

/// Labels are not classes: a single 255 is one class more, and what is between is told.
#[test]
fn labels_with_gaps_are_classes_of_their_own() {
    let path = folder("idx-gaps");
    whole(&path);
    write(&path, TRAIN_LABELS, &idx(&[LABELS, 3], &[255, 1, 3]));
    write(&path, TEST_LABELS, &idx(&[LABELS, 2], &[3, 255]));
    let images = read(&path).expect("the files are whole");
    assert_eq!((images.classes.clone(), images.labels.clone()), (vec![1, 3, 255], vec![2, 0, 1, 1, 2]));
    assert_eq!(images.gaps(), ["0", "2", "4 to 254"]);
}

#[test]
fn more_classes_than_the_network_has_outputs_are_refused() {
    let path = folder("idx-many");
    whole(&path);
    write(&path, TRAIN_IMAGES, &idx(&[IMAGES, 65, 2, 4], &[0; 65 * 8]));
    write(&path, TRAIN_LABELS, &idx(&[LABELS, 65], &(0..65).collect::<Vec<u8>>()));
    refused("many", &path, TRAIN_LABELS, "65 different labels, the network has outputs for 64");
    write(&path, TRAIN_LABELS, &idx(&[LABELS, 65], &(0..65).map(|label| label.min(63)).collect::<Vec<u8>>()));
    assert_eq!(read(&path).expect("the files are whole").classes.len(), 64);
}

#[test]
fn broken_gzip_files_are_refused() {
    let whole_images = gzip(&idx(&[IMAGES, 3, 2, 4], &(0..24).collect::<Vec<u8>>()));
    let mut flipped = whole_images.clone();
    let checksum = flipped.len() - 8;
    flipped[checksum] ^= 1;
    let followed = |bytes: &[u8]| [&whole_images, bytes].concat();
    let cases: [(&str, Vec<u8>, &str); 8] = [
        ("gzip-more", followed(&gzip(&[1])), "more than 24 bytes after the header; its sizes are [3, 2, 4]"),
        ("gzip-and-one-byte", followed(&[0]), "truncated: it ends within its gzip stream"),
        ("gzip-and-text", followed(b"and what came after the stream"), "gzip"),
        ("gzip-and-zeros", followed(&[0; 512]), "gzip"),
        ("gzip-cut", whole_images[..whole_images.len() - 12].to_vec(), "truncated"),
        ("gzip-no-checksum", whole_images[..whole_images.len() - 3].to_vec(), "truncated: it ends within its gzip stream"),
        ("gzip-flipped", flipped, "corrupt"),
        ("gzip-text", b"not gzip at all".to_vec(), "gzip"),
    ];
    for (case, bytes, message) in cases {
        let path = folder(&format!("idx-{case}"));
        whole(&path);
        fs::remove_file(path.join(TRAIN_IMAGES)).expect("it was just written");
        write(&path, &format!("{TRAIN_IMAGES}.gz"), &bytes);
        refused(case, &path, TRAIN_IMAGES, message);
    }
}

#[test]
fn a_missing_file_is_named() {
    for name in [TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS] {
        let path = folder(&format!("idx-without-{name}"));
        whole(&path);
        fs::remove_file(path.join(name)).expect("it was just written");
        refused(name, &path, name, "neither this file nor");
    }
    let outcome = run(&["--data", "nowhere"]);
    assert!(outcome.code == cli::REFUSED && outcome.err.contains("nowhere"), "{outcome:?}");
}

/// Exit code 2, nothing on standard output, and a message with the file and these words.
fn refused(case: &str, path: &Path, name: &str, message: &str) {
    let out = path.join("out");
    let outcome = run(&["--data", &path.display().to_string(), "--out", &out.display().to_string()]);
    let named = outcome.err.contains(name) && outcome.err.contains(message);
    assert!(outcome.code == cli::REFUSED && outcome.out.is_empty() && named && !out.exists(), "{case}: {message}: {outcome:?}");
}
