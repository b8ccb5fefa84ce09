"""/query/within-reach and /query/trace against networkx, on the layers `roads` and `spots` (points at vertices of roads).

Run as: networks.py BASE
"""

import json
import random
import sys
import time
import urllib.request

import networkx
import pyproj

BASE = sys.argv[1]
X, Y = -73.98, 40.74
geod = pyproj.Geod(ellps="WGS84")
random.seed(3)


def ask(operation, **question):
    question = {name.replace("_", "-"): value for name, value in question.items()}
    request = urllib.request.Request(f"{BASE}/query/{operation}", json.dumps(question).encode(), {"Content-Type": "application/json"})
    begun = time.time()
    answer = json.load(urllib.request.urlopen(request))
    print(operation, question.get("by") or question.get("direction"), f"{time.time() - begun:.3f} s")
    return answer


def items(collection):
    window = f"{X - 0.04},{Y - 0.04},{X + 0.04},{Y + 0.04}"
    with urllib.request.urlopen(f"{BASE}/collections/{collection}/items?f=geojsonl&bbox={window}") as lines:
        return [json.loads(line) for line in lines]


# Each vertex is a node here; the server has fewer, where lines meet.
segments = []
for road in items("roads"):
    lines = road["geometry"]["coordinates"]
    for line in [lines] if road["geometry"]["type"] == "LineString" else lines:
        for a, b in zip(map(tuple, line), map(tuple, line[1:])):
            segments.append((road["id"], a, b, road["properties"]))
ends = [list(side) for side in zip(*(a + b for _, a, b, _ in segments))]
lengths = geod.inv(*ends)[2]
print(len(segments), "segments")


def graph(weight, both_ways=False):
    made = networkx.MultiDiGraph()
    for (_, a, b, road), metres in zip(segments, lengths):
        if both_ways or road["oneway"] in ("F", "B"):
            made.add_edge(a, b, weight=metres * weight(road))
        if both_ways or road["oneway"] in ("T", "B"):
            made.add_edge(b, a, weight=metres * weight(road))
    return made


def seconds(road):
    return 3.6 / (road["maxspeed"] if road["maxspeed"] > 0 else 25)


spots = {spot["id"]: tuple(spot["geometry"]["coordinates"]) for spot in items("spots")}
near = [place for place in spots.values() if abs(place[0] - X) < 0.01 and abs(place[1] - Y) < 0.01]
starts = random.sample(near, 4)
for both_ways in (False, True):
    by_distance = graph(lambda road: 1, both_ways)
    for towards in (False, True):
        ways = by_distance.reverse() if towards else by_distance
        for start in starts[:2]:
            cost = networkx.single_source_dijkstra_path_length(ways, start, cutoff=1200)
            answer = ask("within-reach", roads="roads", place=start, collections=["spots"], bands=[400, 1200], access=0.5, both_ways=both_ways, towards=towards)
            found = {feature["id"]: feature["distance"] for feature in answer["features"]}
            expected = {one: cost[place] for one, place in spots.items() if place in cost}
            assert found.keys() == expected.keys() and len(found) > 20, (found.keys() ^ expected.keys())
            assert all(abs(found[one] - expected[one]) < 1e-4 for one in found)
            for band, roads in zip((400, 1200), answer["roads"]["features"]):
                reached = 0
                for (_, a, b, road), metres in zip(segments, lengths):
                    forth = both_ways or road["oneway"] in ("F", "B")
                    back = both_ways or road["oneway"] in ("T", "B")
                    if towards:
                        forth, back = back, forth
                    parts = [band - cost[end] for is_open, end in ((forth, a), (back, b)) if is_open and end in cost and cost[end] < band]
                    reached += min(metres, sum(parts))
                assert abs(roads["properties"]["length"] / reached - 1) < 1e-6, (roads["properties"], reached)
            small, large = (feature["properties"]["area"] for feature in answer["areas"]["features"])
            assert 0 < small < large < 3.2e6 * 1.44

by_time = graph(seconds)
for start in starts:
    cost = networkx.single_source_dijkstra_path_length(by_time, start, cutoff=150)
    answer = ask("within-reach", roads="roads", place=start, collections=["spots"], by="time", bands=[150], access=0.5, speed="maxspeed", default_speed=25)
    found = {feature["id"]: feature["duration"] for feature in answer["features"]}
    expected = {one: cost[place] for one, place in spots.items() if place in cost}
    assert found.keys() == expected.keys() and all(abs(found[one] - expected[one]) < 1e-5 for one in found)

# Traces: each road as it is drawn, from a road and with roads that are barred.
LIMIT = 2000
drawn = {}
for (road, a, b, _), metres in zip(segments, lengths):
    drawn.setdefault(road, []).append((a, b, metres))
around = [road for road, parts in drawn.items() if abs(parts[0][0][0] - X) < 0.008 and abs(parts[0][0][1] - Y) < 0.008]


def trace(start, barred, up):
    ways = networkx.MultiDiGraph()
    for road, parts in drawn.items():
        if road not in barred:
            for a, b, metres in parts:
                ways.add_edge(*((b, a) if up else (a, b)), weight=metres)
    a, b, metres = drawn[start][-1 if up else 0]
    ways.add_edge("start", a if up else b, weight=metres)
    cost = networkx.single_source_dijkstra_path_length(ways, "start", cutoff=LIMIT)
    reached = {start: 0}
    for road, parts in drawn.items():
        tails = [cost[b if up else a] for a, b, _ in parts if (b if up else a) in cost]
        if tails and road not in reached:
            reached[road] = min(tails)
    return {road for road in reached if road not in barred}, {road for road in reached if road in barred}, reached


for start in random.sample(around, 6):
    for up in (False, True):
        direction = "up" if up else "down"
        free, _, _ = trace(start, (), up)
        barred = set(random.sample(sorted(free - {start}), min(5, len(free) - 1)))
        for barriers in ((), barred):
            lines, met, cost = trace(start, barriers, up)
            question = {"barriers": sorted(barriers)} if barriers else {}
            answer = ask("trace", network="roads", direction=direction, from_item=start, distance=LIMIT, snap=0, form="ids", **question)
            found = {feature["id"]: feature["distance"] for feature in answer["features"]}
            assert found.keys() == lines, (start, found.keys() ^ lines)
            assert {barrier["id"] for barrier in answer["barriers"]} == met
            assert all(abs(found[road] - cost[road]) < 1e-3 for road in found)
            assert answer["totals"]["lines"] == len(lines)
