//! Prints the public items that a file of rustdoc's JSON has, one line each, sorted by module. Left out are derived implementations, those that
//! the compiler makes by itself, and those that every type has.

use std::collections::HashSet;
use std::error::Error;

use public_api::Builder;

fn main() -> Result<(), Box<dyn Error>> {
    let json = std::env::args_os().nth(1).ok_or("usage: list-public-api FILE.json")?;
    let builder = Builder::from_rustdoc_json(json).omit_blanket_impls(true).omit_auto_trait_impls(true);
    let api = builder.omit_auto_derived_impls(true).build()?;
    // What is re-exported is there once for each path, with lines that do not name it.
    let mut seen = HashSet::new();
    api.items().map(ToString::to_string).filter(|line| seen.insert(line.clone())).for_each(|line| println!("{line}"));
    Ok(())
}
