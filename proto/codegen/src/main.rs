//! Writes the generated code of `indoubt-proto` anew: `cargo run -p indoubt-codegen`.

use indoubt_codegen::{checked_in, generate};
use std::{error::Error, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let generated = generate()?;
    let (code, descriptors) = checked_in();
    fs::write(&code, generated.code)?;
    fs::write(&descriptors, generated.descriptors)?;
    println!("wrote {} and {}", code.display(), descriptors.display());
    Ok(())
}
