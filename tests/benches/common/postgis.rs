//! Buildings in PostGIS, as those peers have them that read from it.

#![allow(dead_code, reason = "each benchmark takes what it needs")]

use citywall_model::{FeatureRef, ValueRef};
use citywall_query::{CollectionView, ItemsQuery};
use std::fmt::Write;

#[path = "../../../spatial/cql2/tests/common/postgres.rs"]
mod postgres;
pub use postgres::Postgres;

/// A server of PostGIS that has a layer as the table `buildings`: the fid as `n`, two attributes,
/// and the geometry as `g`, indexed and analysed.
pub fn buildings(view: &CollectionView) -> Postgres {
    let postgres = Postgres::start();
    let mut sql = String::from(
        "CREATE EXTENSION postgis; CREATE TABLE buildings (n int PRIMARY KEY, name text, height float8, g geometry);\nCOPY buildings FROM stdin;\n",
    );
    view.each(&ItemsQuery::default(), |item| {
        let (name, height) = (value(item, "name"), value(item, "height"));
        writeln!(sql, "{}\t{name}\t{height}\t{}", item.fid(), hex(item.geometry().unwrap())).unwrap();
        true
    });
    writeln!(sql, "\\.\n{}", finished("buildings")).unwrap();
    postgres.run(&sql);
    postgres
}

/// SQL that says in which CRS the geometry `g` of a filled table is, and indexes it.
pub fn finished(table: &str) -> String {
    format!(
        "ALTER TABLE {table} ALTER g TYPE geometry(Geometry, 4326) USING ST_SetSRID(g, 4326);\nCREATE INDEX ON {table} USING gist (g); VACUUM FULL ANALYZE {table};"
    )
}

/// WKB as COPY reads it.
pub fn hex(wkb: &[u8]) -> String {
    wkb.iter().fold(String::new(), |mut hex, byte| write!(hex, "{byte:02x}").map(|()| hex).unwrap())
}

/// A property as COPY writes it.
fn value(item: FeatureRef<'_>, wanted: &str) -> String {
    let mut text = "\\N".to_owned();
    item.each_property(|name, value| match value {
        ValueRef::Text(own) if name == wanted => text = own.replace('\\', "\\\\").replace(['\t', '\n', '\r'], " "),
        value if name == wanted => text = value.as_f64().map_or_else(|| text.clone(), |n| n.to_string()),
        _ => {}
    });
    text
}
