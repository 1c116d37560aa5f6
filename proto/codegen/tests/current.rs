//! The checked-in code is what the .proto files compile to.

use indoubt_codegen::{checked_in, generate};
use std::fs;

#[test]
fn generated_code_and_descriptors_are_current() {
    let generated = generate().unwrap();
    let (code, descriptors) = checked_in();
    assert!(fs::read_to_string(code).unwrap() == generated.code, "run `cargo run -p indoubt-codegen`");
    assert!(fs::read(descriptors).unwrap() == generated.descriptors, "run `cargo run -p indoubt-codegen`");
}
