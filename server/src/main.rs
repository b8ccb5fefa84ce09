//! The binary `citywall`; see the library beside it.

use std::process::ExitCode;

/// Records come in by the ten thousand and are made of many small pieces on several threads: the
/// system's allocator takes a fifth of the time of an ingest.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    citywall_server::main()
}
