//! Checkpoints on disk: what is replaced, what is left, and what errors name.

use std::fs;
use std::path::Path;

use libtest_mimic::Trial;
use tempfile::{TempDir, tempdir};
use wgpu_optim::Error;
use wgpu_optim::checkpoint::Checkpoint;

use super::taken_apart::{bytes, checkpoint};
use crate::context::Outcome;

pub fn trials() -> Vec<Trial> {
    let row = |name: &str, run: fn() -> Outcome| Trial::test(format!("checkpoints/disk/{name}"), run);
    vec![
        row("loads-what-was-saved", loads_what_was_saved),
        row("what-cannot-be-loaded-is-named", what_cannot_be_loaded_is_named),
        row("what-cannot-be-saved-is-named", what_cannot_be_saved_is_named),
        row("names", names),
        // Root may write everywhere, and elsewhere folders have no such bits.
        row("a-folder-to-read-only", a_folder_to_read_only).with_ignored_flag(!folders_can_be_read_only()),
        row("permissions", permissions).with_ignored_flag(!cfg!(unix)),
    ]
}

/// The names of what lies in a folder.
fn listing(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn fails<T: core::fmt::Debug>(result: Result<T, Error>, path: &Path) -> Outcome {
    match result {
        Err(ref error @ Error::Checkpoint { ref of, ref message })
            if *of == path.display().to_string() && !message.is_empty() && error.to_string() == format!("{of}: {message}") =>
        {
            Ok(())
        }
        other => Err(format!("expected an error of {}, got {other:?}", path.display()).into()),
    }
}

fn loads_what_was_saved() -> Outcome {
    let (folder, mut checkpoint) = (tempdir()?, checkpoint()?);
    let path = folder.path().join("run.safetensors");
    checkpoint.save(&path)?;
    assert_eq!(fs::read(&path)?, bytes());
    assert!(Checkpoint::load(&path)? == checkpoint);
    // In the place of an earlier one, and of whatever else, longer or shorter.
    for earlier in [vec![], vec![7; 100_000]] {
        fs::write(&path, earlier)?;
        checkpoint.set_note("epoch", "8");
        checkpoint.save(&path)?;
        assert!(Checkpoint::load(&path)? == checkpoint);
    }
    assert_eq!(listing(folder.path()), ["run.safetensors"]);
    Ok(())
}

fn what_cannot_be_loaded_is_named() -> Outcome {
    let folder = tempdir()?;
    let path = |name: &str| folder.path().join(name);
    let whole = bytes();
    fs::write(path("empty"), [])?;
    fs::write(path("cut"), &whole[..whole.len() / 2])?;
    fs::write(path("text"), "no checkpoint at all")?;
    for name in ["empty", "cut", "text", "nothing", "", "no-folder/run.safetensors", "empty/run.safetensors"] {
        fails(Checkpoint::load(path(name)), &path(name))?;
    }
    fails(Checkpoint::load(""), Path::new(""))?;
    let trace = crate::files::file("tests/traces").join("adam-rough.safetensors");
    fails(Checkpoint::load(&trace), &trace)
}

/// Nothing is left of the attempt, and what was there stays.
fn what_cannot_be_saved_is_named() -> Outcome {
    let (folder, checkpoint) = (tempdir()?, checkpoint()?);
    let path = |name: &str| folder.path().join(name);
    fs::create_dir_all(path("folder/full"))?;
    fs::create_dir(path("empty"))?;
    fs::write(path("file"), "theirs")?;
    for name in ["folder", "empty", "file/below", "no-folder/run", "..", "folder/..", ""] {
        fails(checkpoint.save(path(name)), &path(name))?;
    }
    fails(checkpoint.save(""), Path::new(""))?;
    assert_eq!(listing(folder.path()), ["empty", "file", "folder"]);
    assert_eq!((listing(&path("folder")), listing(&path("empty"))), (vec!["full".to_owned()], vec![]));
    assert_eq!(fs::read(path("file"))?, b"theirs");
    Ok(())
}

/// Any name that a file can have.
fn names() -> Outcome {
    let (folder, checkpoint) = (tempdir()?, checkpoint()?);
    let longest = "n".repeat(255);
    let wide = "\u{e9}".repeat(127);
    for name in ["a", "no extension", ".hidden", "ends.partial", "\u{3b1}\u{3b2}.safetensors", &wide, &longest] {
        let path = folder.path().join(name);
        fs::write(&path, "earlier").map_err(|error| format!("the system has no such name: {error}"))?;
        checkpoint.save(&path)?;
        assert!(Checkpoint::load(&path)? == checkpoint);
        assert_eq!(listing(folder.path()), [name]);
        fs::remove_file(&path)?;
    }
    let path = folder.path().join("n".repeat(300));
    fails(checkpoint.save(&path), &path)?;
    assert_eq!(listing(folder.path()).len(), 0);
    Ok(())
}

/// A folder in which no file can be made, with a file in it; it can be removed once it is dropped.
fn read_only() -> std::io::Result<TempDir> {
    let folder = tempdir()?;
    fs::write(folder.path().join("run"), "earlier")?;
    let mut permissions = fs::metadata(folder.path())?.permissions();
    permissions.set_readonly(true);
    fs::set_permissions(folder.path(), permissions)?;
    Ok(folder)
}

fn folders_can_be_read_only() -> bool {
    read_only().is_ok_and(|folder| fs::write(folder.path().join("probe"), "").is_err())
}

fn a_folder_to_read_only() -> Outcome {
    let folder = read_only()?;
    for name in ["run", "new"] {
        fails(checkpoint()?.save(folder.path().join(name)), &folder.path().join(name))?;
    }
    assert_eq!((listing(folder.path()), fs::read(folder.path().join("run"))?), (vec!["run".to_owned()], b"earlier".to_vec()));
    Ok(())
}

/// Those of any new file, whatever the earlier one had.
#[cfg(unix)]
fn permissions() -> Outcome {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempdir()?;
    let mode = |name: &str| Ok::<u32, std::io::Error>(fs::metadata(folder.path().join(name))?.permissions().mode());
    fs::write(folder.path().join("any"), "")?;
    checkpoint()?.save(folder.path().join("new"))?;
    fs::write(folder.path().join("earlier"), "")?;
    fs::set_permissions(folder.path().join("earlier"), fs::Permissions::from_mode(0o400))?;
    checkpoint()?.save(folder.path().join("earlier"))?;
    assert_eq!((mode("new")?, mode("earlier")?), (mode("any")?, mode("any")?));
    Ok(())
}

#[cfg(not(unix))]
fn permissions() -> Outcome {
    Ok(())
}
