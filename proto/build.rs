//! Compiles the .proto files with protox, so that no protoc needs to be installed. Without the `wire` feature it does
//! nothing.

#[cfg(not(feature = "wire"))]
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
}

#[cfg(feature = "wire")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use std::{env, fs, path::PathBuf};

    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=indoubt");
    let mut compiler = protox::Compiler::new(["."])?;
    compiler.include_source_info(true).include_imports(true);
    compiler.open_files([
        "indoubt/v1/types.proto",
        "indoubt/v1/link.proto",
        "indoubt/v1/transactions.proto",
        "indoubt/v1/operator.proto",
        "indoubt/v1/lab.proto",
    ])?;
    let descriptors = PathBuf::from(env::var("OUT_DIR")?).join("indoubt.v1.descriptors");
    fs::write(descriptors, compiler.encode_file_descriptor_set())?;
    // Links dial their own channels, and the helper `connect` would collide with the method of that name.
    let mut code = tonic_prost_build::configure().build_transport(false).codec_path("crate::wire::WireCodec");
    let files = compiler.file_descriptor_set();
    // What links and clients send is encoded without generated types (src/wire/coding.rs). `Txn` is also the lab's.
    let by_hand = ["indoubt/v1/types.proto", "indoubt/v1/link.proto", "indoubt/v1/transactions.proto"];
    for message in files.file.iter().filter(|file| by_hand.contains(&file.name())).flat_map(|file| &file.message_type) {
        if message.name() != "Txn" {
            code =
                code.extern_path(format!(".indoubt.v1.{}", message.name()), format!("crate::wire::{}", message.name()));
        }
    }
    code.compile_fds(files)?;
    Ok(())
}
