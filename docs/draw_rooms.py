#!/usr/bin/env python3
"""Draws docs/rooms.svg from the includes: a band for each layer, a box for each room, an arrow for "includes".

Inside a band arrows point left, from a room to the rooms of its layer that it includes; an arrow that a chain of others
implies is left out. Rooms that include each other stand in one frame. Dots on a box name the other layers it includes.
With --check nothing is written: it fails where the picture differs from the includes, or where the table of rooms in
docs/architecture.md lacks a room's line or has one of a room that is not there.
Usage: docs/draw_rooms.py [--check]
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
sys.dont_write_bytecode = True
import check_includes  # noqa: E402

COLOURS = {"dsl": "#5b8fd9", "models": "#2ba59a", "cluster": "#5aa64e", "runtime": "#cf9a2b", "actors": "#d8743c",
           "dsrun": "#b565c4"}
WIDTH, MARGIN, TITLE, BOX, ROW, GAP, BEND, FRAME = 1000, 12, 24, 114, 22, 7, 5, 5
STYLE = """
:root { color-scheme: light dark; }
text { font: 11px system-ui, sans-serif; fill: #1d2430; } .faint { fill: #667080; }
.layer { font-weight: 600; font-size: 13px; } .back { fill: #fff; } .room { fill: #fff; stroke: #8a94a6; }
.knot { fill: none; stroke: #8a94a6; stroke-dasharray: 4 3; }
.arrow { fill: none; stroke: #7b8698; stroke-width: 1.1px; } .head { fill: #7b8698; }
@media (prefers-color-scheme: dark) {
  text { fill: #dfe5ee; } .faint { fill: #8f9bad; } .back { fill: #14181f; } .room { fill: #1d232d; stroke: #5d687a; }
  .knot { stroke: #5d687a; } .arrow { stroke: #8793a6; } .head { fill: #8793a6; }
}"""


def arrows(rooms, layer):
    """{room: the rooms of its layer that it includes}, with whole names."""
    inside = [room for room in rooms if room.split("/")[0] == layer]
    return {room: {layer if name == "." else f"{layer}/{name}" for name in rooms[room].split()} for room in inside}


def reach(graph, start):
    """Every node that a chain of arrows leads to from `start`."""
    seen, ahead = set(), list(graph[start])
    while ahead:
        node = ahead.pop()
        if node not in seen:
            seen.add(node)
            ahead += graph[node]
    return seen


def knots(graph):
    """Groups of rooms that include each other, as a graph without circles and without arrows that a chain implies."""
    far = {room: reach(graph, room) for room in graph}
    group = {room: tuple(sorted({room} | {other for other in far[room] if room in far[other]})) for room in graph}
    acyclic = {knot: {group[name] for room in knot for name in graph[room]} - {knot}
               for knot in sorted(set(group.values()))}
    implied = {knot: set().union(*(reach(acyclic, other) for other in acyclic[knot])) for knot in acyclic}
    return {knot: sorted(acyclic[knot] - implied[knot]) for knot in acyclic}


def columns_of(graph):
    """The column of each node: as far left as what it includes allows, then as near to its includers as they allow."""
    depth = {}

    def find(node):
        if node not in depth:
            depth[node] = 1 + max(map(find, graph[node])) if graph[node] else 0
        return depth[node]

    for node in graph:
        find(node)
    for node in sorted(graph, key=lambda n: (-depth[n], n)):
        includers = [depth[other] for other in graph if node in graph[other]]
        if includers:
            depth[node] = min(includers) - 1
    return depth


class Band:
    """One layer: places its nodes in columns, with a bend in every column that a long arrow crosses."""

    def __init__(self, graph):
        self.depth = columns_of(graph)
        self.links = []  # (right node or bend, left node or bend), neighbours in columns
        self.chains = []
        for node in graph:
            for other in graph[node]:
                bends = [("bend", node, other, column) for column in range(self.depth[node] - 1, self.depth[other], -1)]
                self.depth.update({bend: bend[3] for bend in bends})
                chain = [node, *bends, other]
                self.chains.append(chain)
                self.links += zip(chain, chain[1:])
        self.columns = [sorted((n for n in self.depth if self.depth[n] == c), key=str)
                        for c in range(1 + max(self.depth.values()))]
        self.order()
        self.height = max(self.height_of(column) for column in self.columns)
        self.top = {}
        for column in self.columns:
            y = (self.height - self.height_of(column)) / 2
            for node in column:
                self.top[node] = y
                y += self.size(node) + GAP

    @staticmethod
    def size(node):
        if node[0] == "bend":
            return BEND
        return ROW * len(node) + (4 * (len(node) - 1) + 12 if len(node) > 1 else 0)

    def height_of(self, column):
        return sum(self.size(node) + GAP for node in column) - GAP

    def order(self):
        """Each column in the order of its neighbours' mean places, a few times in either direction."""
        for turn in range(12):
            for at in list(range(len(self.columns)))[:: 1 if turn % 2 else -1]:
                rank = {node: (i + 0.5) / len(column) for column in self.columns for i, node in enumerate(column)}

                def centre(node):
                    near = [rank[b] for a, b in self.links if a == node] + [rank[a] for a, b in self.links if b == node]
                    return sum(near) / len(near) if near else rank[node]

                self.columns[at].sort(key=lambda node: (round(centre(node), 6), str(node)))


def other_layers(room):
    """The layers other than its own that a room's files include, in the layers' order."""
    found = set()
    for path, _, line in check_includes.lines_of(ROOT, [room]):
        included = check_includes.INCLUDE.match(line)
        if included and check_includes.room_of(path) == room:
            found.add(included.group(2).split("/")[0])
    return [layer for layer in check_includes.LAYERS if layer in found and layer != room.split("/")[0]]


def draw_room(room, x, y):
    layer, _, name = room.partition("/")
    name = name or layer + "/"
    size = min(11, (BOX - 10) / (0.55 * len(name)))  # a letter is about 0.55 of its size wide
    parts = [f'<rect class="room" x="{x:.1f}" y="{y:.1f}" width="{BOX}" height="{ROW}" rx="4"/>',
             f'<text x="{x + 6:.1f}" y="{y + 15:.1f}" style="font-size: {size:.1f}px">{name}</text>']
    for number, other in enumerate(other_layers(room)):
        parts.append(f'<circle cx="{x + BOX - 7 - 8 * number:.1f}" cy="{y + 1:.1f}" r="3.2" fill="{COLOURS[other]}">'
                     f"<title>{room} includes {other}</title></circle>")
    return parts


def draw_node(node, x, y, height):
    parts, inset = [], 0
    if len(node) > 1:
        inset = 6
        parts.append(f'<rect class="knot" x="{x - FRAME:.1f}" y="{y:.1f}" width="{BOX + 2 * FRAME}" '
                     f'height="{height}" rx="6"/>')
    for number, room in enumerate(node):
        parts += draw_room(room, x, y + inset + (ROW + 4) * number)
    return parts


def draw_arrow(places):
    """A curve through `places` from right to left, each (left edge, right edge, middle), with its head at the last."""
    x, _, y = places[0]
    path = f"M{x:.1f},{y:.1f}"
    for left, right, next_y in places[1:]:
        last = (left, right, next_y) == places[-1]
        end = right + (5 if last else 0)
        path += f" C{(x + end) / 2:.1f},{y:.1f} {(x + end) / 2:.1f},{next_y:.1f} {end:.1f},{next_y:.1f}"
        path += "" if last else f" H{left:.1f}"
        x, y = left, next_y
    return [f'<path class="arrow" d="{path}"/>', f'<path class="head" d="M{places[-1][1]:.1f},{y:.1f} l7,-3.5 v7 z"/>']


def draw_band(layer, graph, top, pitch):
    band = Band(graph)
    height = band.height + TITLE + 12
    box = {node: (MARGIN + 8 + band.depth[node] * pitch, top + TITLE + band.top[node]) for node in band.depth}
    parts = [f'<rect x="{MARGIN}" y="{top}" width="{WIDTH - 2 * MARGIN}" height="{height:.1f}" rx="6" '
             f'fill="{COLOURS[layer]}" fill-opacity="0.13"/>',
             f'<circle cx="{MARGIN + 14}" cy="{top + 12}" r="4.5" fill="{COLOURS[layer]}"/>',
             f'<text class="layer" x="{MARGIN + 24}" y="{top + 16}">{layer}</text>']
    for chain in band.chains:
        frame = {node: FRAME if node[0] != "bend" and len(node) > 1 else 0 for node in chain}
        parts += draw_arrow([(box[node][0] - frame[node], box[node][0] + BOX + frame[node],
                              box[node][1] + band.size(node) / 2) for node in chain])
    for node in graph:
        parts += draw_node(node, *box[node], band.size(node))
    return parts, height


def drawing(rooms):
    graphs = {layer: knots(arrows(rooms, layer)) for layer in check_includes.LAYERS}
    widest = max(max(columns_of(graph).values()) for graph in graphs.values())
    pitch = (WIDTH - 2 * MARGIN - 16 - BOX) / max(widest, 1)
    parts, top = [], MARGIN
    for layer, graph in graphs.items():
        band, height = draw_band(layer, graph, top, pitch)
        parts += band
        top += height + 8
    notes = ["An arrow points to a room that the room at its tail includes. "
             "It is left out where a chain of arrows implies it.",
             "Rooms in a dashed frame include each other. Dots are the other layers that a room includes; "
             "runtime/schedule counts as runtime."]
    parts += [f'<text class="faint" x="{MARGIN + 8}" y="{top + 10 + 15 * line:.1f}">{note}</text>'
              for line, note in enumerate(notes)]
    height = f"{top + 36:.0f}"
    head = ['<svg xmlns="http://www.w3.org/2000/svg" '
            f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">',
            f"<title>The rooms of dsrun</title><style>{STYLE}</style>",
            f'<rect class="back" width="{WIDTH}" height="{height}" rx="6"/>']
    return "\n".join([*head, *parts]) + "\n</svg>\n"


def faults(rooms):
    found = []
    picture = ROOT / "docs/rooms.svg"
    if not picture.is_file() or picture.read_text(encoding="utf-8") != drawing(rooms):
        found.append("docs/rooms.svg does not show today's includes: run docs/draw_rooms.py")
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    named = re.findall(rf"^\| `((?:{'|'.join(check_includes.LAYERS)})(?:/[\w/]+)?)/` \|", text, re.MULTILINE)
    found += [f"docs/architecture.md has no line for {room}/" for room in rooms if room not in named]
    found += [f"docs/architecture.md has a line for {room}/, which is not there" for room in named if room not in rooms]
    found += [f"docs/architecture.md has two lines for {room}/" for room in rooms if named.count(room) > 1]
    return found


if __name__ == "__main__":
    today = check_includes.rooms_of(ROOT)
    if "--check" in sys.argv[1:]:
        problems = faults(today)
        print("\n".join(problems) if problems else f"rooms: {len(today)}, drawn and described")
        sys.exit(1 if problems else 0)
    (ROOT / "docs/rooms.svg").write_text(drawing(today), encoding="utf-8")
