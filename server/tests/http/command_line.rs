//! The command line itself.

use crate::harness::{citywall, stderr};

#[test]
fn every_command_explains_itself_with_an_example() {
    let said = |arguments: &[&str]| {
        let output = citywall(arguments);
        assert!(output.status.success(), "{arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let help = said(&["--help"]);
    for command in ["serve", "import", "demo", "backup", "restore", "verify", "info"] {
        assert!(help.contains(command), "{command}");
        let own = said(&[command, "--help"]);
        assert!(own.contains("Example") && own.contains(&format!("citywall {command}")), "{own}");
    }
}

#[test]
fn a_bad_command_line_says_what_is_wrong() {
    for (arguments, word) in [
        (&["serve"][..], "--city"),
        (&["import", "a.geojson"], "--city"),
        (&["import", "/nothing.geojson", "--city", "nothing/x.gpkg"], "nothing.geojson"),
        (&["import", "a.geojson", "--city", "x.gpkg", "--layer", "Not An Id"], "lower-case"),
        (&["serve", "--city", "x.gpkg", "--listen", "here"], "--listen"),
        (&["dance"], "dance"),
        (&["verify", "--city", "/nothing.gpkg"], "nothing.gpkg"),
        (&["backup", "--city", "/nothing.gpkg", "--to", "nothing/x.gpkg"], "nothing.gpkg"),
    ] {
        let output = citywall(arguments);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(stderr(&output).contains(word), "{arguments:?}: {}", stderr(&output));
    }
}
