//! Makes cargo build this crate again when the console's build or a page about an error changed: both go into the
//! binary. The folder of the console's build is made when it is missing, because cargo would take a missing one for
//! changed every time.

use std::path::Path;

fn main() {
    for folder in ["../../console/dist", "../../docs/errors"] {
        // Where sources cannot be written (a package, a read-only checkout), the binary has no console and says so.
        if Path::new(folder).is_dir() || std::fs::create_dir_all(folder).is_ok() {
            println!("cargo::rerun-if-changed={folder}");
        }
    }
    println!("cargo::rerun-if-changed=build.rs");
}
