//! Where the files are that tests and benchmarks read: in the source tree, or beside a program that was built somewhere else (`make kit`).

use std::env;
use std::path::{Path, PathBuf};

/// A folder that has the files, before all others.
const VARIABLE: &str = "WGPU_OPTIM_FILES";

/// A file or folder by its path in the repository. Nothing is compiled in: it is below the folder that `WGPU_OPTIM_FILES` names, or below the
/// executable's folder or the nearest one above it (the kit's, or the source tree that `target` is in), or below the package that cargo
/// says when it runs something (`target` may be elsewhere), or else below the working directory.
pub fn file(path: &str) -> PathBuf {
    let variable = |name| env::var_os(name).map(PathBuf::from);
    let executable = env::current_exe().unwrap_or_default();
    let above = executable.ancestors().skip(1).map(Path::to_owned);
    nearest(variable(VARIABLE).into_iter().chain(above).chain(variable("CARGO_MANIFEST_DIR")), path)
}

/// Below the first folder where it exists, or else as it is.
pub fn nearest(folders: impl IntoIterator<Item = PathBuf>, path: &str) -> PathBuf {
    folders.into_iter().map(|folder| folder.join(path)).find(|path| path.exists()).unwrap_or_else(|| path.into())
}
