"""/query/visibility against gdal_viewshed, over the blocks of the layer `buildings`.

Run as: viewshed.py BASE FOLDER LONGITUDE LATITUDE
"""

import json
import pathlib
import subprocess
import sys
import urllib.request

import geopandas
import numpy

BASE, folder = sys.argv[1], pathlib.Path(sys.argv[2])
lon, lat = map(float, sys.argv[3:5])
CELL, RADIUS, EYE = 4, 480, 12
REACH = RADIUS // CELL

question = {"method": "viewshed", "from": [lon, lat, EYE], "buildings": ["buildings"], "radius": RADIUS, "cell": CELL, "form": "cells", "refraction": 1 - 0.85714}
request = urllib.request.Request(f"{BASE}/query/visibility", json.dumps(question).encode(), {"Content-Type": "application/json"})
properties = json.load(urllib.request.urlopen(request))["properties"]
found = numpy.array([list(row) for row in properties["rows"]])
assert found.shape == (2 * REACH + 1, 2 * REACH + 1)

# The same surface, made by other programs: the highest block is burnt last.
plane = f"+proj=aeqd +lat_0={lat} +lon_0={lon} +datum=WGS84 +units=m"
blocks = geopandas.read_file(f"{BASE}/collections/buildings/items?f=geojsonl").sort_values("height").to_crs(plane)
blocks.to_file(folder / "blocks.gpkg", layer="blocks")
edge = (REACH + 0.5) * CELL


def run(*command):
    subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)


run("gdal_rasterize", "-q", "-a", "height", "-l", "blocks", "-init", 0, "-ot", "Float64", "-te", -edge, -edge, edge, edge, "-tr", CELL, CELL, "-a_srs", plane, folder / "blocks.gpkg", folder / "surface.tif")
run("gdal_viewshed", "-q", "-ox", 0, "-oy", 0, "-oz", EYE, "-md", RADIUS, "-cc", 0.85714, "-vv", 1, "-iv", 0, "-ov", 2, folder / "surface.tif", folder / "seen.tif")


def grid(name):
    run("gdal_translate", "-q", "-of", "AAIGrid", "-ot", "Int32" if name == "seen" else "Float64", folder / f"{name}.tif", folder / f"{name}.asc")
    with open(folder / f"{name}.asc") as lines:
        head = {}
        rows = []
        for line in lines:
            parts = line.split()
            if parts[0][0].isalpha():
                head[parts[0].lower()] = float(parts[1])
            else:
                rows.append([float(part) for part in parts])
    return head, numpy.array(rows)


head, seen = grid("seen")
west, south = round((head["xllcorner"] + edge) / CELL), round((head["yllcorner"] + edge) / CELL)
top = found.shape[0] - south - seen.shape[0]
mine = found[top : top + seen.shape[0], west : west + seen.shape[1]]
both = (mine != "-") & (seen != 2)
agree = ((mine == "1") == (seen == 1))[both]
print(both.sum(), "cells", (seen[both] == 1).mean(), "seen by GDAL", agree.mean(), "agree")
assert both.sum() > 0.99 * (mine != "-").sum() and 0.2 < (seen[both] == 1).mean() < 0.9
assert agree.mean() > 0.97

# What differs stands at the rim of a shadow: next to a cell where GDAL sees otherwise.
padded = numpy.pad(seen, 1, mode="edge")
shifts = [padded[1 + dy : 1 + dy + seen.shape[0], 1 + dx : 1 + dx + seen.shape[1]] for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
rim = numpy.any([shift != seen for shift in shifts], axis=0)
far = both & ((mine == "1") != (seen == 1)) & ~rim
print(far.sum(), "differ elsewhere")
assert far.sum() < 0.005 * both.sum()

# The polygon has the same area as its cells, geodesic.
question["form"] = "polygon"
request = urllib.request.Request(f"{BASE}/query/visibility", json.dumps(question).encode(), {"Content-Type": "application/json"})
polygon = json.load(urllib.request.urlopen(request))["properties"]
assert polygon["seen"] == (found == "1").sum() * CELL * CELL
assert abs(polygon["area"] / polygon["seen"] - 1) < 1e-4
