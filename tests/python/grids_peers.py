"""The peers of the benchmark `grids`: the file of points (x and y as float64), the file of grids (a
hexadecimal WKB on each line), rounds. Prints for each peer its name, the median of its seconds to
join and count, and the pairs that it finds."""

import pathlib, statistics, sys, time
import duckdb, duckdb_extension_spatial, geopandas, numpy, pandas, shapely

points = numpy.fromfile(sys.argv[1]).reshape(-1, 2)
grids = open(sys.argv[2]).read().split()
rounds = int(sys.argv[3])


def measure(name, count):
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        pairs = count()
        times.append(time.perf_counter() - start)
    print(name, statistics.median(times), pairs, sep="\t", flush=True)


frame = geopandas.GeoDataFrame(geometry=shapely.points(points), crs=4326)
areas = geopandas.GeoDataFrame(geometry=shapely.from_wkb(grids), crs=4326)
_ = (frame.sindex, areas.sindex)
measure(
    f"GeoPandas {geopandas.__version__}, sjoin",
    lambda: int(frame.sjoin(areas, predicate="intersects").groupby("index_right").size().sum()),
)

extension = next(pathlib.Path(duckdb_extension_spatial.__path__[0]).rglob("spatial.duckdb_extension"))
connection = duckdb.connect(config={"threads": 2})
connection.execute(f"LOAD '{extension}'")
xy, hexed = pandas.DataFrame(points, columns=["x", "y"]), pandas.DataFrame({"h": grids})
connection.execute("CREATE TABLE points AS SELECT ST_Point(x, y) AS p FROM xy")
connection.execute("CREATE TABLE grids AS SELECT row_number() OVER () AS n, ST_GeomFromHEXWKB(h) AS g FROM hexed")
sql = "SELECT sum(c) FROM (SELECT n, count(*) AS c FROM points JOIN grids ON ST_Intersects(g, p) GROUP BY n)"
measure(f"DuckDB {duckdb.__version__}, spatial join", lambda: int(connection.execute(sql).fetchone()[0]))
