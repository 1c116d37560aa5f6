//! Writes the generated code of `indoubt-proto`: `cargo run -p wire-codegen`.

use std::{error::Error, fs};
use wire_codegen::{checked_in, generate};

fn main() -> Result<(), Box<dyn Error>> {
    let generated = generate()?;
    let (code, descriptors) = checked_in();
    fs::write(&code, generated.code)?;
    fs::write(&descriptors, generated.descriptors)?;
    println!("wrote {} and {}", code.display(), descriptors.display());
    Ok(())
}
