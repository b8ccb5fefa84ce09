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
import shapely

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
assert agree.mean() > 0.95

# GDAL takes what hides a cell from the cells before it, which widens shadows with the distance. The exact line over the
# outlines of the blocks says who is right where the two differ: mostly the server, which follows each line to its end.
shapes, heights = blocks.geometry.values, blocks["height"].values
tree = shapely.STRtree(shapes)
fall = 0.85714 / (2 * 6371008.8)


def is_seen(row, column):
    x, y = (column - REACH) * CELL, (REACH - row) * CELL
    away = numpy.hypot(x, y)
    if away == 0:
        return True
    target = max((heights[at] for at in tree.query(shapely.Point(x, y), predicate="within")), default=0) - fall * away**2
    line = shapely.LineString([(0, 0), (x, y)])
    for at in tree.query(line):
        for corner in shapely.get_coordinates(line.intersection(shapes[at])):
            part = numpy.hypot(*corner)
            if heights[at] - fall * part**2 > EYE + (target - EYE) * part / away + 1e-6:
                return False
    return True


def share(cells):
    """How often the server and GDAL are right about cells."""
    exact = numpy.array([is_seen(row, column) for row, column in cells])
    at = tuple(numpy.array(cells).T)
    return (exact == (mine[at] == "1")).mean(), (exact == (seen[at] == 1)).mean()


assert top == west == 0 and mine.shape == found.shape
cells = numpy.argwhere(both)
all_cells = share(cells[:: len(cells) // 1500])
differing = share(cells[~agree][::2])
print("right in all cells", all_cells, "where they differ", differing)
assert all_cells[0] > 0.96 and all_cells[0] >= all_cells[1] and differing[0] > 0.8

# The polygon has the same area as its cells, geodesic.
question["form"] = "polygon"
request = urllib.request.Request(f"{BASE}/query/visibility", json.dumps(question).encode(), {"Content-Type": "application/json"})
polygon = json.load(urllib.request.urlopen(request))["properties"]
assert polygon["seen"] == (found == "1").sum() * CELL * CELL
assert abs(polygon["area"] / polygon["seen"] - 1) < 1e-4
