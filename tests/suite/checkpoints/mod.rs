//! Checkpoints: their files.

mod disk;
mod files;
mod metadata;
mod reading;
mod taken_apart;

use libtest_mimic::Trial;

pub fn trials() -> Vec<Trial> {
    [files::trials(), metadata::trials(), disk::trials()].into_iter().flatten().collect()
}
