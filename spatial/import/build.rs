//! Keeps this package's tests and examples from lending their own SQLite to GDAL.
//!
//! The store has a SQLite of its own, GDAL uses the system's. A linker exports what a shared
//! library might need from a program, so GDAL would call half of one and half of the other and
//! crash. Every program that links both says the same.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-arg=-Wl,--exclude-libs,ALL");
}
