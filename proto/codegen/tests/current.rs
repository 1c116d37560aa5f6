//! The checked-in code is what the .proto files compile to.

use std::fs;
use wire_codegen::{checked_in, generate};

#[test]
fn generated_code_and_descriptors_are_current() {
    let generated = generate().unwrap();
    let (code, descriptors) = checked_in();
    assert!(fs::read_to_string(code).unwrap() == generated.code, "run `cargo run -p wire-codegen`");
    assert!(fs::read(descriptors).unwrap() == generated.descriptors, "run `cargo run -p wire-codegen`");
}
