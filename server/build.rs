//! Makes sure that there is a page to embed, so that the server builds without Node.

use std::{env, fs, path::Path};

const MISSING: &str = r#"<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Citywall</title>
<body style="font:16px/1.5 system-ui;max-width:40em;margin:4em auto;padding:0 1em">
<h1>The map page is not built</h1>
<p>This server was compiled without its map page. Build it and compile again:</p>
<pre>cd server/web &amp;&amp; npm ci &amp;&amp; npm run build
cargo build --release -p citywall-server</pre>
<p>Everything else works: see <a href="./">the landing page</a>.</p>
"#;

fn main() {
    // The store has a SQLite of its own and GDAL uses the system's; were ours exported, GDAL would
    // call half of each and crash.
    println!("cargo:rustc-link-arg=-Wl,--exclude-libs,ALL");
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let dist = Path::new(&root).join("web/dist");
    println!("cargo:rerun-if-changed=web/dist");
    if !dist.join("index.html").exists() {
        fs::create_dir_all(&dist).expect("web/dist can be made");
        fs::write(dist.join("index.html"), MISSING).expect("web/dist can be written");
    }
}
