"""What a chip file says about its topology: tiles, holes, links and, beyond one chip, chips."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from neurosim.chip.constant import Strict

Tile = tuple[int, int]
Kind = Literal["mesh", "torus", "ring", "triangular_torus", "file"]
#: Chips of a SpiNNaker board repeat over this many chips in x and y (three boards, a triad).
TRIAD = 12


def as_tuples(raw: Any) -> Any:
    """Lists, however deep, as tuples."""
    return tuple(as_tuples(item) for item in raw) if isinstance(raw, list | tuple) else raw


class Grid(Strict):
    """Places on a grid: width x height without some, perhaps wrapped around.

    ``wrap``: two vectors that lead from a place to itself; null: (width, 0) and (0, height).
    """

    width: int = Field(ge=1, le=4096)
    height: int = Field(ge=1, le=4096)
    first: Tile = (0, 0)
    without: tuple[Tile, ...] = ()
    wrap: tuple[Tile, Tile] | None = None

    @field_validator("first", "without", "wrap", mode="before")
    @classmethod
    def _grid_tuples(cls, raw: Any) -> Any:
        return as_tuples(raw)

    @field_validator("without")
    @classmethod
    def _tiles_exist_once(cls, tiles: tuple[Tile, ...], info: ValidationInfo) -> tuple[Tile, ...]:
        if len(set(tiles)) < len(tiles):
            twice = next(tile for n, tile in enumerate(tiles) if tile in tiles[:n])
            raise ValueError(f"names tile {list(twice)} twice")
        for tile in tiles:
            require_inside(tile, info)
        return tiles


class Chips(Grid):
    """Copies of the chip, joined by links between their gateway tiles.

    ``gateway``: the tile whose router has the links to other chips.  ``boards``: chips belong to
    hexagonal boards of 48 (three to every 12 x 12 chips), and links between boards are of the
    second kind (section ``board_link``), as are links that wrap around.
    """

    kind: Literal["mesh", "torus", "triangular_torus"] = "triangular_torus"
    gateway: Tile
    boards: bool = False

    @field_validator("gateway", mode="before")
    @classmethod
    def _gateway_tuple(cls, raw: Any) -> Any:
        return as_tuples(raw)

    @model_validator(mode="after")
    def _possible(self) -> Chips:
        require_wrappable(self.kind, self)
        whole_boards = self.width % TRIAD == 0 and self.height % TRIAD == 0
        if self.boards and not (whole_boards or self.wrap):
            raise inconsistent(
                "topology.chips.width", f"{self.width} x {self.height} chips are no whole number "
                "of three-board triads", f"multiples of {TRIAD}",
                also=("topology.chips.height", "topology.chips.boards"))
        return self

    @property
    def count(self) -> int:
        return self.width * self.height - len(self.without)


class Topology(Grid):
    """Tiles of a chip and what joins their routers.  ``links`` null joins all neighbours;
    ``centre``, where ``noc.multicast: central`` looks packets up, null is the host's tile."""

    kind: Kind = "mesh"
    cores_per_tile: int = Field(ge=1, le=4096)
    router_at_holes: bool = True
    links: tuple[tuple[Tile, Tile], ...] | None = None
    host: Tile
    centre: Tile | None = None
    file: str | None = None
    file_sha256: str | None = None
    chips: Chips | None = None

    @field_validator("host", "centre", "links", mode="before")
    @classmethod
    def _tuples(cls, raw: Any) -> Any:
        return as_tuples(raw)

    @field_validator("links")
    @classmethod
    def _links_join_tiles(
        cls, links: tuple[tuple[Tile, Tile], ...] | None, info: ValidationInfo
    ) -> tuple[tuple[Tile, Tile], ...] | None:
        seen: set[frozenset[Tile]] = set()
        for a, b in links or ():
            for tile in (a, b):
                require_inside(tile, info)
                if tile in info.data.get("without", ()) and not info.data.get("router_at_holes"):
                    raise ValueError(f"has a link to tile {list(tile)}, which is missing")
            if info.data.get("kind") == "mesh" and abs(a[0] - b[0]) + abs(a[1] - b[1]) != 1:
                raise ValueError(f"joins {list(a)} and {list(b)}, which are not neighbours")
            if frozenset((a, b)) in seen:
                raise ValueError(f"joins {list(a)} and {list(b)} twice")
            seen.add(frozenset((a, b)))
        return links

    @field_validator("host")
    @classmethod
    def _host_at_a_router(cls, host: Tile, info: ValidationInfo) -> Tile:
        if info.data.get("kind") == "file":
            return host
        require_inside(host, info)
        if host in info.data.get("without", ()) and not info.data.get("router_at_holes"):
            raise ValueError(f"is at tile {list(host)}, which has no router")
        return host

    @model_validator(mode="after")
    def _possible(self) -> Topology:
        require_wrappable(self.kind, self)
        if self.kind == "ring" and self.height != 1:
            raise inconsistent("topology.height", f"a ring is {self.height} tiles high", "1",
                               also=("topology.kind",))
        if (self.kind == "file") != (self.file is not None):
            why = "is missing" if self.file is None else f"is given for a {self.kind}"
            raise inconsistent("topology.file", why, "kind: file with the file of a graph",
                               also=("topology.kind",))
        if self.chips is not None and self.kind != "mesh":
            raise inconsistent("topology.chips", f"many chips of kind {self.kind}",
                               "kind: mesh within a chip, or kind: file with all chips")
        if self.chips is not None and self.chips.gateway in self.without \
                and not self.router_at_holes:
            raise inconsistent("topology.chips.gateway",
                               f"is at tile {list(self.chips.gateway)}, which has no router",
                               "a tile with a router")
        return self

    @property
    def chip_count(self) -> int:
        return 1 if self.chips is None else self.chips.count


def require_inside(tile: Tile, info: ValidationInfo) -> None:
    """Refuse a tile outside the grid (fields before this one are validated already)."""
    data = info.data
    if not {"width", "height", "first"} <= data.keys():
        return
    (x0, y0), width, height = data["first"], data["width"], data["height"]
    if not (x0 <= tile[0] < x0 + width and y0 <= tile[1] < y0 + height):
        raise ValueError(f"names tile {list(tile)}, which is missing; expected x in "
                         f"{x0}..{x0 + width - 1} and y in {y0}..{y0 + height - 1}")


def require_wrappable(kind: str, grid: Grid) -> None:
    """A wrapped dimension of two places would join the same two routers twice."""
    if grid.wrap is not None:
        (ax, ay), (bx, by) = grid.wrap
        size = grid.width * grid.height - len(grid.without)
        if abs(ax * by - ay * bx) != size:
            raise inconsistent(
                "topology.wrap", f"{[list(v) for v in grid.wrap]} wraps "
                f"{abs(ax * by - ay * bx)} places, but there are {size}",
                "two vectors that span as many places", also=("topology.chips.wrap",))
        return
    if kind in ("torus", "ring", "triangular_torus"):
        small = [n for n in (grid.width, grid.height) if n == 2 or (n == 1 and kind[0] == "t"
                                                                    and kind != "torus")]
        if small and grid.width * grid.height > 1:
            raise inconsistent(
                "topology.kind", f"a {kind.replace('_', ' ')} of {grid.width} x {grid.height} "
                "joins the same routers twice", "3 or more in every wrapped dimension",
                also=("topology.width", "topology.height", "topology.chips.kind"))


def inconsistent(
    key: str, why: str, allowed: str, also: tuple[str, ...] = ()
) -> PydanticCustomError:
    """A contradiction between keys: ``key`` is blamed unless the user set one of ``also``."""
    return PydanticCustomError("inconsistent", "{why}",
                               {"keys": (key, *also), "why": why, "allowed": allowed})

