"""/query/hotspots against scikit-learn, SciPy and PySAL's esda, on the items of one live collection.

Run as: hotspots.py BASE
"""

import json
import sys
import urllib.request

import numpy
import pyproj
from esda.getisord import G_Local
from libpysal.weights import W
from scipy.stats import multivariate_normal
from sklearn.cluster import DBSCAN

BASE = sys.argv[1]


def ask(**question):
    request = urllib.request.Request(f"{BASE}/query/hotspots", json.dumps(question).encode(), {"Content-Type": "application/json"})
    return json.load(urllib.request.urlopen(request))


with urllib.request.urlopen(f"{BASE}/collections/spots/items?f=geojsonl") as lines:
    features = [json.loads(line) for line in lines]
ids = [feature["id"] for feature in features]
place = numpy.array([feature["geometry"]["coordinates"] for feature in features])
level = numpy.array([feature["properties"]["n"] for feature in features])
n = len(ids)
print(n, "items")
geod = pyproj.Geod(ellps="WGS84")


def distances(a, b):
    """Metres between each of a and each of b, geodesic."""
    pairs = numpy.broadcast_arrays(a[:, None, 0], a[:, None, 1], b[None, :, 0], b[None, :, 1])
    return geod.inv(*(side.ravel() for side in pairs))[2].reshape(len(a), len(b))


apart = distances(place, place)

# DBSCAN: the same labels, item by item.
for radius, minimum in [(60, 4), (120, 8), (25, 1), (300, 40)]:
    labels = DBSCAN(eps=radius, min_samples=minimum, metric="precomputed").fit(apart).labels_
    answer = ask(collection="spots", method="clusters", radius=radius, minimum=minimum, members=True)
    found = {one: cluster["cluster"] - 1 for cluster in answer["clusters"] for one in cluster["coreItems"] + cluster["borderItems"]}
    assert [found.get(one, -1) for one in ids] == list(labels), (radius, minimum)
    assert answer["noise"] == (labels == -1).sum()
    print("clusters", radius, minimum, len(answer["clusters"]), "noise", answer["noise"])

# Densities at the squares' middles, in a plane whose distances from each middle are true.
answer = ask(collection="spots", method="density", cell=80, radius=150, form="geojson")
corners = numpy.array([feature["geometry"]["coordinates"][0][:4] for feature in answer["features"]])
middles = corners.mean(axis=1)
away = distances(middles, place) / 150
expected = (numpy.where(away < 1, 3 / (numpy.pi * 150**2) * (1 - away**2) ** 2, 0)).sum(axis=1) * 1e6
found = numpy.array([feature["properties"]["density"] for feature in answer["features"]])
assert numpy.allclose(found, expected, rtol=2e-4, atol=1e-3 * expected.max()), abs(found - expected).max()
mass = found.sum() * 80 * 80 / 1e6
assert abs(mass / n - 1) < 0.02, mass
answer = ask(collection="spots", method="density", kernel="gaussian", cell=80, radius=60, form="geojson")
middles = numpy.array([feature["geometry"]["coordinates"][0][:4] for feature in answer["features"]]).mean(axis=1)
away = distances(middles, place)
normal = multivariate_normal([0, 0], [[60**2, 0], [0, 60**2]])
expected = normal.pdf(numpy.stack([away, numpy.zeros_like(away)], axis=-1)).sum(axis=1) * 1e6
found = numpy.array([feature["properties"]["density"] for feature in answer["features"]])
assert numpy.allclose(found, expected, rtol=1e-3, atol=1e-4 * expected.max()), abs(found - expected).max()
print("densities", len(found))

# Gi*: the same z and p in squares and in H3 cells, of counts and of sums.
for by, radius, weight in [("square:150", 225, None), ("h3:9", 500, None), ("square:200", 450, "n")]:
    question = {"weight": weight} if weight else {}
    answer = ask(collection="spots", method="getis-ord", by=by, radius=radius, form="geojson", **question)
    cells = [feature["properties"] for feature in answer["features"]]
    rings = [feature["geometry"]["coordinates"][0] for feature in answer["features"]]
    values = numpy.array([cell["value"] for cell in cells])
    assert abs(values.sum() - (level.sum() if weight else n)) < 1e-6
    middles = numpy.array([numpy.mean(ring[:-1], axis=0) for ring in rings])
    near = distances(middles, middles) <= radius
    neighbours = {at: [other for other in numpy.flatnonzero(row) if other != at] for at, row in enumerate(near)}
    local = G_Local(values, W(neighbours, silence_warnings=True), transform="B", star=True, permutations=0)
    z = numpy.array([cell["z"] for cell in cells])
    p = numpy.array([cell["p"] for cell in cells])
    assert numpy.allclose(z, local.Zs, rtol=1e-9, atol=1e-9), abs(z - local.Zs).max()
    assert numpy.allclose(p, 2 * local.p_norm, rtol=1e-6, atol=1e-12)
    assert all(cell["neighbours"] == count for cell, count in zip(cells, near.sum(axis=1)))
    print("getis-ord", by, len(cells), "hot", (p[z > 0] < 0.01).sum())

# The difference of two halves.
halves = {"filter": "n < 0.5", "against-filter": "n >= 0.5"}
answer = ask(collection="spots", method="getis-ord", by="square:150", **halves)
assert answer["radius"] == 225
for cell in answer["places"]:
    assert cell["difference"] == cell["value"] - cell["against"]
assert sum(cell["value"] for cell in answer["places"]) == (level < 0.5).sum()
assert sum(cell["against"] for cell in answer["places"]) == (level >= 0.5).sum()
answer = ask(collection="spots", method="density", **halves)
assert all(abs(cell["difference"] - cell["density"] + cell["against"]) < 1e-9 for cell in answer["cells"])
assert json.dumps(answer) == json.dumps(ask(collection="spots", method="density", **halves))
