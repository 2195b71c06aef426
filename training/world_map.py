"""reports/templates/world.json: the outline of each country for the map of the report.

    npm pack world-atlas@2 && tar xzf world-atlas-2*.tgz
    python training/world_map.py package/countries-110m.json rules/lexicons/countries.csv reports/templates/world.json

Source: Natural Earth 1:110m admin 0 countries (public domain), as TopoJSON by world-atlas 2.0.2 (ISC).
Projection: Natural Earth, polynomial of Savric, Jenny, Patterson, Petrovic, Hurni 2011 (Cartography and GIS).
Result: {"width", "height", "countries": {ISO 3166 alpha-2: [name, SVG path data]}}; whole numbers, about 45 kB.
"""

from __future__ import annotations

import csv
import json
import math
import sys
from itertools import pairwise
from pathlib import Path

WIDTH = 760
LEFT_OUT = {"AQ"}  # nobody lives there, and it would take a sixth of the picture


def project(longitude: float, latitude: float) -> tuple[float, float]:
    """Place on a plane, x and y in units of the sphere's radius."""
    p2 = math.radians(latitude) ** 2
    p4 = p2 * p2
    x = math.radians(longitude) * (0.8707 - 0.131979 * p2 + p4 * (-0.013791 + p4 * (0.003971 * p2 - 0.001529 * p4)))
    y = math.radians(latitude) * (1.007226 + p2 * (0.015085 + p4 * (-0.044475 + 0.028874 * p2 - 0.005916 * p4)))
    return x, y


def arcs_of(topology: dict) -> list[list[tuple[float, float]]]:
    """Every arc as longitudes and latitudes: undo the delta coding."""
    (sx, sy), (tx, ty) = topology["transform"]["scale"], topology["transform"]["translate"]
    decoded = []
    for arc in topology["arcs"]:
        x = y = 0
        points = []
        for dx, dy in arc:
            x, y = x + dx, y + dy
            points.append((x * sx + tx, y * sy + ty))
        decoded.append(points)
    return decoded


def ring_of(ring: list[int], arcs: list[list[tuple[float, float]]]) -> list[tuple[float, float]]:
    """The points of a closed ring; a negative number is an arc backwards."""
    points: list[tuple[float, float]] = []
    for number in ring:
        arc = arcs[number] if number >= 0 else arcs[~number][::-1]
        points += arc[1:] if points else arc
    return points


def sides_of(ring: list[tuple[float, float]]) -> list[list[tuple[float, float]]]:
    """The ring, or its two sides where it crosses the 180th meridian, each closed along that meridian."""
    unrolled = [ring[0]]
    for longitude, latitude in ring[1:]:
        turns = round((unrolled[-1][0] - longitude) / 360)
        unrolled.append((longitude + 360 * turns, latitude))
    longitudes = [longitude for longitude, _ in unrolled]
    if min(longitudes) >= -180 and max(longitudes) <= 180:
        return [unrolled]
    shift = 360 if min(longitudes) < -180 else -360
    return [
        [(min(180.0, max(-180.0, longitude + by)), latitude) for longitude, latitude in unrolled] for by in (0, shift)
    ]


def path_of(rings: list[list[tuple[float, float]]], scale: float, top: float) -> str:
    """SVG path data in whole numbers, relative after each start; points that fall together are one."""
    parts = []
    for ring in rings:
        points = []
        for longitude, latitude in ring:
            x, y = project(longitude, latitude)
            point = (round(WIDTH / 2 + x * scale), round((top - y) * scale))
            if not points or points[-1] != point:
                points.append(point)
        if len(points) < 4:
            continue
        steps = [f"{b[0] - a[0]},{b[1] - a[1]}" for a, b in pairwise(points[:-1])]
        parts.append(f"M{points[0][0]},{points[0][1]}l{' '.join(steps).replace(',-', '-').replace(' -', '-')}z")
    return "".join(parts)


def main(topology_file: str, countries_file: str, out_file: str) -> None:
    """Write the outlines."""
    topology = json.loads(Path(topology_file).read_text())
    with Path(countries_file).open(newline="", encoding="utf-8") as file:
        known = {row["numeric"]: row for row in csv.DictReader(file)}
    arcs = arcs_of(topology)
    scale = WIDTH / (2 * project(180, 0)[0])
    top = project(0, 84)[1]
    countries = {row["code"]: [row["name"], ""] for row in known.values()}  # those too small for 1:110m keep no outline
    for shape in topology["objects"]["countries"]["geometries"]:
        row = known.get(shape.get("id", ""))
        if row is None or row["code"] in LEFT_OUT:
            continue
        polygons = [shape["arcs"]] if shape["type"] == "Polygon" else shape["arcs"]
        rings = [side for polygon in polygons for ring in polygon for side in sides_of(ring_of(ring, arcs))]
        countries[row["code"]] = [row["name"], path_of(rings, scale, top)]
    height = round((top - project(0, -56)[1]) * scale)
    content = {"width": WIDTH, "height": height, "countries": dict(sorted(countries.items()))}
    Path(out_file).write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    print(len(countries), "countries", Path(out_file).stat().st_size, "bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
