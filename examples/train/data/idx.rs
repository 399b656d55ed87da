//! IDX, the format of MNIST and its relatives (<http://yann.lecun.com/exdb/mnist/>): a magic number, the sizes as big-endian words, the
//! bytes. Plain or gzip, of one member or several.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::Images;

/// Magic numbers of unsigned bytes in three dimensions and in one.
const IMAGES: u32 = 0x0803;
const LABELS: u32 = 0x0801;

/// Bytes that a header may announce: the largest of MNIST's relatives, EMNIST by class, has 0.64 * 10^9, and a gzip of 1 MB can hold 1 GB of zeros.
const MOST: u64 = 1 << 30;

/// Different labels to train on at most, since the network has an output for each: EMNIST by class has 62.
const CLASSES: usize = 64;

/// A file whose header was read, and whose bytes were not.
struct Header<const DIMENSIONS: usize> {
    path: PathBuf,
    sizes: [usize; DIMENSIONS],
    rest: Box<dyn Read>,
}

/// The bytes of a file and their sizes in each dimension.
struct Array<const DIMENSIONS: usize> {
    path: PathBuf,
    sizes: [usize; DIMENSIONS],
    bytes: Vec<u8>,
}

/// The images of a folder with the four files of the standard names, those of the `t10k` files for testing.
pub fn images(folder: &Path) -> Result<Images, String> {
    let (train, test) = (part(folder, "train")?, part(folder, "t10k")?);
    let ([_, height, width], [_, test_height, test_width]) = (train.0.sizes, test.0.sizes);
    if (height, width) != (test_height, test_width) {
        let path = test.0.path.display();
        return Err(format!("{path}: images of {test_height} x {test_width} pixels, those to train on have {height} x {width}"));
    }
    // The network reads four pixels at once.
    if !(width * height).is_multiple_of(4) {
        return Err(format!("{}: {height} x {width} pixels are not a multiple of 4", train.0.path.display()));
    }
    let classes = classes(&train.1)?;
    let labels = [classified(&train.1, &classes)?, classified(&test.1, &classes)?].concat();
    let pixels = [train.0.bytes, test.0.bytes].concat();
    Ok(Images { pixels, labels, width, height, classes, white: u8::MAX, test: Some(test.1.bytes.len()) })
}

/// The different labels of a file to train on, ascending.
fn classes(labels: &Array<1>) -> Result<Vec<u8>, String> {
    let classes: Vec<u8> = labels.bytes.iter().copied().collect::<BTreeSet<u8>>().into_iter().collect();
    match *classes {
        [only] => Err(format!("{}: all labels are {only}", labels.path.display())),
        _ if classes.len() > CLASSES => {
            Err(format!("{}: {} different labels, the network has outputs for {CLASSES}", labels.path.display(), classes.len()))
        }
        _ => Ok(classes),
    }
}

/// The class of each label.
fn classified(labels: &Array<1>, classes: &[u8]) -> Result<Vec<u32>, String> {
    let class = |(place, label): (usize, &u8)| {
        let unknown = || format!("{}: label {place} is {label}, which no image to train on has", labels.path.display());
        classes.binary_search(label).map(|class| class as u32).map_err(|_| unknown())
    };
    labels.bytes.iter().enumerate().map(class).collect()
}

/// Images and as many labels. Both headers are compared before anything is unpacked.
fn part(folder: &Path, part: &str) -> Result<(Array<3>, Array<1>), String> {
    let images: Header<3> = open(&folder.join(format!("{part}-images-idx3-ubyte")), IMAGES)?;
    let labels: Header<1> = open(&folder.join(format!("{part}-labels-idx1-ubyte")), LABELS)?;
    let (count, labelled) = (images.sizes[0], labels.sizes[0]);
    if count != labelled {
        let (labels, images) = (labels.path.display(), images.path.display());
        return Err(format!("{labels}: {labelled} labels for {count} images in {images}"));
    }
    Ok((images.read()?, labels.read()?))
}

/// The plain file of this name, else the one with `.gz` behind it.
fn open<const DIMENSIONS: usize>(plain: &Path, magic: u32) -> Result<Header<DIMENSIONS>, String> {
    let packed = PathBuf::from(format!("{}.gz", plain.display()));
    let (path, file) = match File::open(plain) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => (packed.clone(), File::open(&packed)),
        file => (plain.to_owned(), file),
    };
    let file = file.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => format!("{}: neither this file nor {}.gz exists", plain.display(), plain.display()),
        _ => format!("{}: {error}", path.display()),
    })?;
    let mut rest: Box<dyn Read> =
        if path == packed { Box::new(MultiGzDecoder::new(BufReader::new(file))) } else { Box::new(BufReader::new(file)) };
    let sizes = sizes(&mut rest, magic).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Header { path, sizes, rest })
}

fn sizes<const DIMENSIONS: usize>(reader: &mut impl Read, magic: u32) -> Result<[usize; DIMENSIONS], String> {
    let found = word(reader)?;
    if found != magic {
        return Err(format!("the magic number is {found:#010x} instead of {magic:#010x}"));
    }
    let mut sizes = [0; DIMENSIONS];
    for size in &mut sizes {
        *size = word(reader)? as usize;
    }
    let length = sizes.iter().try_fold(1_u64, |length, &size| length.checked_mul(size as u64));
    match length {
        Some(1..=MOST) => Ok(sizes),
        _ => Err(format!("the sizes are {sizes:?}; their product must be 1 to {MOST}")),
    }
}

impl<const DIMENSIONS: usize> Header<DIMENSIONS> {
    fn read(self) -> Result<Array<DIMENSIONS>, String> {
        let Header { path, sizes, rest } = self;
        let length: usize = sizes.iter().product();
        let bytes = bytes(rest, length).map_err(|error| format!("{}: {error}; its sizes are {sizes:?}", path.display()))?;
        Ok(Array { path, sizes, bytes })
    }
}

/// So many bytes and no more. A file is not believed when it names a size: room grows with what comes.
fn bytes(reader: impl Read, length: usize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    // One byte more than there should be, to see whether there are more.
    reader.take(length as u64 + 1).read_to_end(&mut bytes).map_err(|error| broken(&error))?;
    match bytes.len() {
        got if got == length => Ok(bytes),
        got if got < length => Err(format!("truncated: {got} bytes after the header instead of {length}")),
        _ => Err(format!("more than {length} bytes after the header")),
    }
}

fn word(reader: &mut impl Read) -> Result<u32, String> {
    let mut bytes = [0; 4];
    reader.read_exact(&mut bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => "truncated: it ends within the header".to_owned(),
        _ => broken(&error),
    })?;
    Ok(u32::from_be_bytes(bytes))
}

fn broken(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "truncated: it ends within its gzip stream".to_owned(),
        _ => error.to_string(),
    }
}
