//! IDX, the format of MNIST and its relatives (<http://yann.lecun.com/exdb/mnist/>): a magic number, the sizes as big-endian words, the
//! bytes. Plain or gzip.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use super::Images;

/// Magic numbers of unsigned bytes in three dimensions and in one.
const IMAGES: u32 = 0x0803;
const LABELS: u32 = 0x0801;

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
    let classes = usize::from(train.1.bytes.iter().copied().max().unwrap_or_default()) + 1;
    if classes == 1 {
        return Err(format!("{}: all labels are 0", train.1.path.display()));
    }
    if let Some(place) = test.1.bytes.iter().position(|&label| usize::from(label) >= classes) {
        let (path, label, last) = (test.1.path.display(), test.1.bytes[place], classes - 1);
        return Err(format!("{path}: label {place} is {label}, those to train on end at {last}"));
    }
    let labels = train.1.bytes.iter().chain(&test.1.bytes).map(|&label| label.into()).collect();
    let pixels = [train.0.bytes, test.0.bytes].concat();
    Ok(Images { pixels, labels, width, height, classes, white: u8::MAX, test: Some(test.1.bytes.len()) })
}

/// Images and as many labels.
fn part(folder: &Path, part: &str) -> Result<(Array<3>, Array<1>), String> {
    let images: Array<3> = read(&folder.join(format!("{part}-images-idx3-ubyte")), IMAGES)?;
    let labels: Array<1> = read(&folder.join(format!("{part}-labels-idx1-ubyte")), LABELS)?;
    let (count, labelled) = (images.sizes[0], labels.sizes[0]);
    if count != labelled {
        return Err(format!("{}: {labelled} labels for {count} images", labels.path.display()));
    }
    Ok((images, labels))
}

/// The plain file of this name, else the one with `.gz` behind it.
fn read<const DIMENSIONS: usize>(plain: &Path, magic: u32) -> Result<Array<DIMENSIONS>, String> {
    let packed = PathBuf::from(format!("{}.gz", plain.display()));
    let (path, file) = match File::open(plain) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => (packed.clone(), File::open(&packed)),
        file => (plain.to_owned(), file),
    };
    let file = file.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => format!("{}: neither this file nor {}.gz exists", plain.display(), plain.display()),
        _ => format!("{}: {error}", path.display()),
    })?;
    let reader: Box<dyn Read> =
        if path == packed { Box::new(GzDecoder::new(BufReader::new(file))) } else { Box::new(BufReader::new(file)) };
    let (sizes, bytes) = parse(reader, magic).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Array { path, sizes, bytes })
}

fn parse<const DIMENSIONS: usize>(mut reader: impl Read, magic: u32) -> Result<([usize; DIMENSIONS], Vec<u8>), String> {
    let found = word(&mut reader)?;
    if found != magic {
        return Err(format!("the magic number is {found:#010x} instead of {magic:#010x}"));
    }
    let mut sizes = [0; DIMENSIONS];
    for size in &mut sizes {
        *size = word(&mut reader)? as usize;
    }
    let length =
        sizes.iter().try_fold(1_u64, |length, &size| length.checked_mul(size as u64)).filter(|&length| u32::try_from(length).is_ok());
    let Some(length) = length.filter(|&length| length > 0) else {
        return Err(format!("the sizes are {sizes:?}; their product must be 1 to {}", u32::MAX));
    };
    // One byte more than there should be, to see whether there are more; a file is not believed when it names a size.
    let mut bytes = Vec::new();
    reader.take(length + 1).read_to_end(&mut bytes).map_err(|error| broken(&error))?;
    match bytes.len() as u64 {
        got if got == length => Ok((sizes, bytes)),
        got if got < length => Err(format!("truncated: {got} bytes after the header, sizes {sizes:?} need {length}")),
        _ => Err(format!("more than the {length} bytes after the header that sizes {sizes:?} need")),
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
