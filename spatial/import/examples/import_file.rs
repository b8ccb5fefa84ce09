//! Imports one file into a new city and prints the report: `import_file SOURCE CITY [CRS]`.

use citywall_import::{ImportOptions, Silent, run};
use citywall_model::CityProfile;
use citywall_store::{CityStore, GeoPackage};
use std::{error::Error, path::Path, time::Instant};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(source), Some(city)) = (arguments.next(), arguments.next()) else {
        return Err("say SOURCE CITY [CRS]".into());
    };
    let crs = arguments.next().map(|crs| citywall_crs::Crs::parse(&crs)).transpose()?;
    let store = GeoPackage::create(Path::new(&city), &CityProfile::named("City"))?;
    let options = ImportOptions { crs, refused_file: Some(format!("{city}.refused.ndjson").into()), ..ImportOptions::default() };
    let import = run(Path::new(&source), &options, &mut |draft| store.stage(draft), &Silent)?;
    print!("{}", import.report);
    let begun = Instant::now();
    for stage in import.stages {
        let meta = stage.publish()?;
        println!("published {} version {}: {} items", meta.id, meta.version, meta.count);
    }
    println!("published in {:.2} s", begun.elapsed().as_secs_f64());
    Ok(())
}
