"""QGIS opens the collections of a served city by its provider for OGC API - Features."""

import json, os, urllib.request

os.environ["QT_QPA_PLATFORM"] = "offscreen"
from qgis.core import QgsApplication, QgsFeatureRequest, QgsRectangle, QgsVectorLayer

BASE = os.environ["CITYWALL"]
application = QgsApplication([], False)
application.initQgis()


def items(collection, **parameters):
    query = "&".join(f"{name}={value}" for name, value in parameters.items())
    return json.load(urllib.request.urlopen(f"{BASE}/collections/{collection}/items?limit=10000&{query}"))["features"]


def layer(collection, condition=""):
    filter = f" filter='{condition}'" if condition else ""
    made = QgsVectorLayer(f"url='{BASE}' typename='{collection}' pageSize='25'{filter}", collection, "OAPIF")
    assert made.isValid(), (collection, made.error().message())
    return made


# Every item by pages, with its values and its shape.
buildings = layer("buildings")
expected = {feature["properties"]["name"]: feature for feature in items("buildings")}
found = {feature["name"]: feature for feature in buildings.getFeatures()}
assert found.keys() == expected.keys() and len(found) > 25, (len(found), len(expected))
assert buildings.crs().authid() in ("OGC:CRS84", "EPSG:4326"), buildings.crs().authid()
for name, feature in found.items():
    assert abs(feature["height"] - expected[name]["properties"]["height"]) < 1e-9, name
    ring = feature.geometry().asMultiPolygon()[0][0] if feature.geometry().isMultipart() else feature.geometry().asPolygon()[0]
    for point, (x, y) in zip(ring, expected[name]["geometry"]["coordinates"][0]):
        assert abs(point.x() - x) < 1e-9 and abs(point.y() - y) < 1e-9, (name, point)

# A window, as the canvas asks for one.
west, south, east, north = 117.1, 39.05, 117.2, 39.1
window = {feature["name"] for feature in layer("buildings").getFeatures(QgsFeatureRequest(QgsRectangle(west, south, east, north)))}
assert window == {feature["properties"]["name"] for feature in items("buildings", bbox=f"{west},{south},{east},{north}")} and window

# Live items.
events = {feature["id"] for feature in layer("events").getFeatures()}
assert events == {feature["id"] for feature in items("events")} and events
print("QGIS agrees with GeoJSON")
