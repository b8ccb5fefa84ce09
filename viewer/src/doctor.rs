//! `citywall-viewer doctor`: what this machine can draw, and why.

use crate::{
    args::Args,
    net::Server,
    render::{AdapterNeed, adapters},
};
use citywall_wire::CityDocument;

/// Prints what was found, one line each.
///
/// # Errors
/// Nothing here can draw the wall.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let display = ["WAYLAND_DISPLAY", "DISPLAY"]
        .into_iter()
        .find_map(|v| std::env::var(v).ok().filter(|d| !d.is_empty()).map(|d| format!("{v}={d}")));
    println!("display    {}", display.unwrap_or_else(|| "none: --screenshot and --frames work, a window does not".to_owned()));
    println!("processor  {} threads", std::thread::available_parallelism().map_or(1, std::num::NonZero::get));
    match Server::at(&args.server, args.token.clone()).and_then(|s| s.get_json::<CityDocument>("/city")) {
        Ok(city) => {
            println!("server     {}: {}, version {}, {} collections", args.server, city.name.zh, city.version, city.collections.len())
        }
        Err(error) => println!("server     {}: {error}", args.server),
    }
    let found = adapters();
    for adapter in &found {
        let verdict = match &adapter.lacks {
            AdapterNeed::Nothing if adapter.is_software => {
                "can draw the wall on the processor: --quality low is what auto takes".to_owned()
            }
            AdapterNeed::Nothing => "can draw the wall: --quality high is what auto takes".to_owned(),
            AdapterNeed::Missing(what) => format!("cannot draw the wall: {what}"),
        };
        println!("graphics   {} ({}, {}): {verdict}", adapter.name, adapter.kind, adapter.driver);
    }
    if !found.iter().any(|a| a.lacks == AdapterNeed::Nothing) {
        anyhow::bail!("nothing here can draw the wall; on Debian the package mesa-vulkan-drivers has a driver in software");
    }
    Ok(())
}
