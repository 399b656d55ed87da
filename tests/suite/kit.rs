//! The proof kit (`make kit`) runs where nothing of the source tree is: no path may be compiled in, and all that is read is packed.

use std::fs;
use std::path::{Path, PathBuf};

use libtest_mimic::Trial;

use crate::context::Outcome;
use crate::files::{file, nearest};

/// What `scripts/kit` builds, as folders of the source tree.
const SOURCES: [&str; 4] = ["src", "tests/suite", "benches/step", "examples/replay"];

/// The first two read sources, which a kit has not.
pub fn trials() -> Vec<Trial> {
    let packed = !file("scripts/kit").exists();
    vec![
        Trial::test("kit/no-path-is-compiled-in", no_path_is_compiled_in).with_ignored_flag(packed),
        Trial::test("kit/packs-what-is-read", packs_what_is_read).with_ignored_flag(packed),
        Trial::test("kit/the-nearest-folder-counts", the_nearest_folder_counts),
    ]
}

/// `env!` of a variable of cargo's is a path of the machine that compiled it.
fn no_path_is_compiled_in() -> Outcome {
    // In two parts, or this line would be found.
    let compiled = concat!("env!(\"CAR", "GO_");
    let found: Vec<String> = sources().into_iter().filter(|(_, text)| text.contains(compiled)).map(|(path, _)| path).collect();
    if found.is_empty() { Ok(()) } else { Err(format!("a path is compiled in: {}; take `files::file`", found.join(", ")).into()) }
}

/// The path of each call of `files::file` is in the list of `scripts/kit`, or in a folder of it.
fn packs_what_is_read() -> Outcome {
    let script = fs::read_to_string(file("scripts/kit"))?;
    let list = script.split_once("files=\"").and_then(|(_, rest)| rest.split_once('"')).ok_or("scripts/kit has no list of files")?.0;
    let packed: Vec<&str> = list.split_whitespace().collect();
    let mut missing = Vec::new();
    let mut read = 0;
    for (source, text) in sources() {
        // In two parts, as above.
        let call = ["file", "(\""].concat();
        for path in text.split(&call).skip(1).filter_map(|rest| rest.split('"').next()) {
            read += 1;
            let is_in = packed.iter().any(|folder| Path::new(path).starts_with(folder));
            // The script itself is only read by these rows.
            if !is_in && path != "scripts/kit" {
                missing.push(format!("{path} ({source})"));
            }
        }
    }
    assert!(read >= 4, "only {read} files are read: this row does not see the calls");
    if missing.is_empty() { Ok(()) } else { Err(format!("scripts/kit does not pack {}", missing.join(", ")).into()) }
}

/// The first folder that has the path, and the path as it is if none has.
fn the_nearest_folder_counts() -> Outcome {
    let [with, without] = [file("tests/traces"), std::env::temp_dir().join("wgpu-optim-no-such-folder")];
    let root = with.ancestors().nth(2).ok_or("no root")?.to_owned();
    let found = |folders: &[&PathBuf]| nearest(folders.iter().copied().cloned(), "tests/traces");
    assert_eq!(found(&[&root, &without]), root.join("tests/traces"));
    assert_eq!(found(&[&without, &root]), root.join("tests/traces"));
    assert_eq!(found(&[&without]), PathBuf::from("tests/traces"));
    Ok(())
}

/// All files of Rust that the kit's programs are built from, by path.
fn sources() -> Vec<(String, String)> {
    fn walk(folder: &Path, found: &mut Vec<(String, String)>) {
        for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push((path.display().to_string(), fs::read_to_string(&path).unwrap_or_default()));
            }
        }
    }
    let mut found = Vec::new();
    SOURCES.iter().for_each(|folder| walk(&file(folder), &mut found));
    found
}
