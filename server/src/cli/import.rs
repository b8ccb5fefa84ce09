//! `citywall import`

use super::{SOME_REFUSED, name_of, progress::Bar, remote::Remote};
use crate::importing::{self, ImportRequest};
use anyhow::{Context, anyhow};
use citywall_model::{CimCategory, CityProfile, CollectionId};
use citywall_store::{GeoPackage, StoreError};
use clap::Args;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Import a file into a city.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  citywall import buildings.geojsonl.gz --city my.gpkg --layer buildings --title-zh 建筑 --title-en Buildings
  citywall import plots.shp --city my.gpkg --crs EPSG:4547 --encoding GBK
  citywall import pois.csv --city my.gpkg --crs GCJ-02 --id-field code
  citywall import monaco.osm.pbf --city my.gpkg             several layers become several collections
  citywall import N43E007.hgt.zip --city my.gpkg --layer terrain     elevation: HGT, GeoTIFF
  citywall import ortho.tif --city my.gpkg                  imagery: three bands, a palette, or --picture

A source without a CRS is refused until --crs says it. What is stored replaces the layer's version
before, in one step; with --keep that one stays, and `citywall versions` lists it. Records that are refused are listed, and written to --refused. On a city that
is being served the server does the import.

Exit codes: 0 all stored, 3 stored but some records refused, 1 failed and nothing changed.")]
pub struct Import {
    /// The file to read
    source: PathBuf,
    /// The city file; it is made if there is none
    #[arg(long, value_name = "FILE")]
    city: PathBuf,
    /// The collection to fill [default: named after the source]
    #[arg(long, value_name = "ID", value_parser = |text: &str| CollectionId::new(text))]
    layer: Option<CollectionId>,
    /// The CRS of the source's coordinates: EPSG:n, GCJ-02, BD-09 or WKT
    #[arg(long)]
    crs: Option<String>,
    /// The property whose value is the item id [default: ids are generated]
    #[arg(long, value_name = "FIELD")]
    id_field: Option<String>,
    /// The layer's Chinese title
    #[arg(long, value_name = "TITLE")]
    title_zh: Option<String>,
    /// The layer's English title
    #[arg(long, value_name = "TITLE")]
    title_en: Option<String>,
    /// The layer's place in the CIM catalogue
    #[arg(long, value_enum, value_name = "CATEGORY")]
    category: Option<Category>,
    /// Where the data comes from, in words, with its licence [default: the file's name]
    #[arg(long, value_name = "TEXT")]
    attribution: Option<String>,
    /// The text encoding of a Shapefile or CSV, such as GBK
    #[arg(long)]
    encoding: Option<String>,
    /// Where to write refused records [default: SOURCE.refused.ndjson beside the city]
    #[arg(long, value_name = "FILE")]
    refused: Option<PathBuf>,
    /// Mark the layer as synthetic
    #[arg(long)]
    generated: bool,
    /// Keep a raster as a picture, even if it looks like heights [default: rasters of three bands or
    /// more, with a palette or of bytes are pictures]
    #[arg(long)]
    picture: bool,
    /// Keep so many of the versions that imports of the layer replace, this one and later ones
    /// [default: as before, at first none]
    #[arg(long, value_name = "N")]
    keep: Option<u32>,
    /// Print the report as JSON and draw no bar
    #[arg(long)]
    json: bool,
    /// A token with the scope `operate`, if the city is served with tokens
    #[arg(long, env = "CITYWALL_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Category {
    /// 时空基础: areas, base map, terrain, buildings
    SpatiotemporalBase,
    /// 资源调查: land, geology, water, city components
    ResourceSurvey,
    /// 规划管控: planning and control lines
    PlanningControl,
    /// 工程建设项目: construction projects
    ConstructionProjects,
    /// 公共专题: social data, institutions, places
    PublicThemes,
    /// 物联感知: sensors, cameras, live feeds
    IotSensing,
}

impl From<Category> for CimCategory {
    fn from(category: Category) -> Self {
        match category {
            Category::SpatiotemporalBase => Self::SpatiotemporalBase,
            Category::ResourceSurvey => Self::ResourceSurvey,
            Category::PlanningControl => Self::PlanningControl,
            Category::ConstructionProjects => Self::ConstructionProjects,
            Category::PublicThemes => Self::PublicThemes,
            Category::IotSensing => Self::IotSensing,
        }
    }
}

impl Import {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let (city, token, is_json) = (self.city.clone(), self.token.clone(), self.json);
        let request = self.request()?.with_refused_beside(&city);
        let bar = Bar::new(is_json);
        let (text, report, refused) = match open_or_create(&city) {
            Ok(store) => {
                let report = importing::run(&request, &store, &bar).map_err(|failure| {
                    eprint!("{}", failure.report);
                    anyhow!(failure.reason)
                })?;
                (report.to_string(), serde_json::to_value(&report)?, report.refused())
            }
            Err(StoreError::Locked { address: Some(address), .. }) => {
                let done = Remote::new(&address, token.as_deref()).import(&request, &bar)?;
                (done.text.unwrap_or_default(), done.report.unwrap_or_default(), done.refused)
            }
            Err(error) => return Err(error.into()),
        };
        bar.finish();
        if is_json {
            println!("{report:#}");
        } else {
            print!("{text}");
        }
        Ok(if refused > 0 { ExitCode::from(SOME_REFUSED) } else { ExitCode::SUCCESS })
    }

    fn request(self) -> anyhow::Result<ImportRequest> {
        let source = std::fs::canonicalize(&self.source).with_context(|| format!("cannot read {}", self.source.display()))?;
        let refused = self.refused.map(std::path::absolute).transpose().context("--refused is no path")?;
        Ok(ImportRequest {
            source,
            layer: self.layer,
            crs: self.crs,
            id_field: self.id_field,
            title_zh: self.title_zh,
            title_en: self.title_en,
            category: self.category.map(CimCategory::from),
            attribution: self.attribution,
            encoding: self.encoding,
            refused,
            generated: self.generated,
            picture: self.picture,
            keep: self.keep,
        })
    }
}

fn open_or_create(city: &Path) -> Result<GeoPackage, StoreError> {
    if city.exists() {
        return GeoPackage::open(city);
    }
    eprintln!("{} is new", city.display());
    GeoPackage::create(city, &CityProfile::named(name_of(city)))
}
