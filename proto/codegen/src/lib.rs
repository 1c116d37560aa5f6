//! Compiles `proto/indoubt/v1/*.proto` to the generated code that is checked in under `proto/src/wire/generated/`.
//!
//! The compiler (protox, prost-build) would take a third of a cold build. So its output is checked in, and a test of this crate
//! compares it with the .proto files. After a change of a .proto file, run `cargo run -p wire-codegen`.

use std::{error::Error, fs, path::PathBuf};

/// The .proto files, in the order of their dependencies.
const FILES: [&str; 5] = ["types", "link", "transactions", "operator", "lab"];

/// The .proto files whose messages have no generated types: links and clients send them, and `proto/src/wire/coding.rs`
/// encodes them straight from the domain types.
const CODED_BY_HAND: [&str; 3] = ["indoubt/v1/types.proto", "indoubt/v1/link.proto", "indoubt/v1/transactions.proto"];

/// The message of these files that the lab's messages hold, which are generated.
const ALSO_GENERATED: &str = "Txn";

/// The output of the compiler.
pub struct Generated {
    /// The Rust code of package `indoubt.v1`.
    pub code: String,
    /// The encoded descriptors of all files, for the reflection service.
    pub descriptors: Vec<u8>,
}

/// The folder `proto/`, which has the .proto files.
fn proto() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The paths at which the generated code and the descriptors are checked in.
pub fn checked_in() -> (PathBuf, PathBuf) {
    let folder = proto().join("src/wire/generated");
    (folder.join("indoubt.v1.rs"), folder.join("indoubt.v1.descriptors"))
}

/// Compiles the .proto files with protox, so that no protoc needs to be installed.
///
/// # Errors
/// If a .proto file cannot be read or does not compile.
pub fn generate() -> Result<Generated, Box<dyn Error>> {
    let mut compiler = protox::Compiler::new([proto()])?;
    compiler.include_source_info(true).include_imports(true);
    compiler.open_files(FILES.map(|file| format!("indoubt/v1/{file}.proto")))?;
    let descriptors = compiler.encode_file_descriptor_set();
    let folder = tempfile::tempdir()?;
    let files = compiler.file_descriptor_set();
    let coded_by_hand: Vec<String> = files
        .file
        .iter()
        .filter(|file| CODED_BY_HAND.contains(&file.name()))
        .flat_map(|file| file.message_type.iter().map(|message| message.name().to_owned()))
        .filter(|message| message != ALSO_GENERATED)
        .collect();
    // Links dial their own channels, and the helper `connect` would collide with the method of that name.
    let mut builder = tonic_prost_build::configure()
        .build_transport(false)
        .codec_path("crate::wire::WireCodec")
        .out_dir(folder.path());
    for message in coded_by_hand {
        builder = builder.extern_path(format!(".indoubt.v1.{message}"), format!("crate::wire::{message}"));
    }
    builder.compile_fds(files)?;
    let code = fs::read_to_string(folder.path().join("indoubt.v1.rs"))?;
    Ok(Generated { code, descriptors })
}
