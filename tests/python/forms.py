"""GeoParquet and Arrow of a served city have the values, nulls, types and CRS of its GeoJSON."""

import datetime, io, json, os, urllib.parse, urllib.request
import geopandas, pyarrow, pyarrow.ipc, pyarrow.parquet, pyproj, shapely

BASE = os.environ["CITYWALL"]


def get(collection, **parameters):
    query = urllib.parse.urlencode(parameters)
    return urllib.request.urlopen(f"{BASE}/collections/{collection}/items?{query}").read()


def tables(collection, **parameters):
    """The same items by way of both forms."""
    arrow = pyarrow.ipc.open_stream(get(collection, f="arrow", **parameters)).read_all()
    parquet = pyarrow.parquet.read_table(io.BytesIO(get(collection, f="parquet", **parameters)))
    return arrow, parquet


def check(collection, types, swapped=False, **parameters):
    """Compares every value of every item; swapped where the authority has the northing first."""
    features = json.loads(get(collection, limit=10000, **parameters))["features"]
    arrow, parquet = tables(collection, **parameters)
    body = get(collection, f="parquet", **parameters)
    frame = geopandas.read_parquet(io.BytesIO(body))
    assert [str(arrow.schema.field(name).type) for name in types] == list(types.values()), arrow.schema
    for name, column in ((name, arrow.column(name)) for name in types):
        assert column.to_pylist() == parquet.column(name).to_pylist(), name
    assert len(features) == len(arrow) == len(frame)
    ids, geometries = arrow.column(0).to_pylist(), arrow.column("geometry").to_pylist()
    columns = {name: arrow.column(name).to_pylist() for name in types}
    for at, feature in enumerate(features):
        assert str(feature["id"]) == ids[at]
        for name in types:
            found, expected = columns[name][at], feature["properties"].get(name)
            if isinstance(expected, (dict, list)):
                found = json.loads(found)
            if types[name].startswith("timestamp"):
                expected = expected and datetime.datetime.fromisoformat(expected)
            assert found == expected, (name, found, expected)
            assert types[name] != "int64" or found is None or type(expected) is int, (name, expected)
        expected = None if feature["geometry"] is None else shapely.geometry.shape(feature["geometry"])
        for found in (geometries[at], parquet.column("geometry")[at].as_py()):
            if expected is None:
                assert found is None
                continue
            found = shapely.from_wkb(found)
            if swapped:
                found = shapely.transform(found, lambda xy: xy[:, ::-1])
            assert shapely.equals_exact(found, expected, 1e-9 if not swapped else 1e-2), (found, expected)
    return frame, arrow, body


TYPES = {"name": "string", "floors": "int64", "height": "double", "open": "bool"}
frame, arrow, body = check("mixed", TYPES)
assert frame["height"].isna().any() and frame["name"].isna().any() and frame.geometry.isna().any()
assert frame.crs == pyproj.CRS("OGC:CRS84"), frame.crs
field = arrow.schema.field("geometry")
extension = getattr(field.type, "extension_name", None) or field.metadata[b"ARROW:extension:name"].decode()
assert extension == "geoarrow.wkb", field
geo = json.loads(pyarrow.parquet.ParquetFile(io.BytesIO(body)).metadata.metadata[b"geo"])
column = geo["columns"][geo["primary_column"]]
assert geo["version"] == "1.1.0" and column["encoding"] == "WKB" and geo["primary_column"] == "geometry"
assert column["bbox"] == list(frame.total_bounds), (column["bbox"], frame.total_bounds)
assert set(column["geometry_types"]) == set(frame.geometry.dropna().geom_type), column["geometry_types"]

# JSON values are texts of that type; GeoJSON has them as they are.
tags = pyarrow.ipc.open_stream(get("mixed", f="arrow")).read_all().column("tags").to_pylist()
features = json.loads(get("mixed", limit=10000))["features"]
assert [tag and json.loads(tag) for tag in tags] == [feature["properties"].get("tags") for feature in features]

# In metres, the easting first; only what is asked for.
frame, _, _ = check("mixed", {"height": "double"}, swapped=True, crs="EPSG:4548", properties="height", filter="height > 3")
assert frame.crs.to_epsg() == 4548 and list(frame.columns)[1:] == ["height", "geometry"], frame.columns
assert 0 < len(frame) < len(features)

# A page in an order.
page = geopandas.read_parquet(io.BytesIO(get("mixed", f="parquet", sortby="-height", limit=5)))
assert page["height"].is_monotonic_decreasing and len(page) == 5

# Nothing, and nothing with a place.
for filter in ("height < -1000", "geometry IS NULL"):
    empty = geopandas.read_parquet(io.BytesIO(get("mixed", f="parquet", filter=filter)))
    stream = pyarrow.ipc.open_stream(get("mixed", f="arrow", filter=filter)).read_all()
    assert len(empty) == len(stream) and empty.geometry.isna().all()

# A CRS that PROJ does not know is none.
offset = geopandas.read_parquet(io.BytesIO(get("mixed", f="parquet", crs="GCJ-02")))
assert offset.crs is None

# Live items.
check("events", {"source": "string", "time": "timestamp[us, tz=UTC]", "title": "string", "level": "int64", "status": "string"})
print("GeoParquet and Arrow agree with GeoJSON")
