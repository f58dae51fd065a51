"""The mesh of tiles as a chip file describes it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from neurosim.chip.constant import Strict

Tile = tuple[int, int]


class Topology(Strict):
    """A mesh of tiles.  ``links`` null joins every pair of neighbouring routers."""

    kind: Literal["mesh"] = "mesh"
    width: int = Field(ge=1, le=4096)
    height: int = Field(ge=1, le=4096)
    first: Tile = (0, 0)
    cores_per_tile: int = Field(ge=1, le=4096)
    router_at_holes: bool = True
    without: tuple[Tile, ...] = ()
    links: tuple[tuple[Tile, Tile], ...] | None = None
    host: Tile

    @field_validator("first", "host", "without", "links", mode="before")
    @classmethod
    def _tuples(cls, raw: Any) -> Any:
        return _as_tuples(raw)

    @field_validator("without")
    @classmethod
    def _tiles_exist_once(cls, tiles: tuple[Tile, ...], info: ValidationInfo) -> tuple[Tile, ...]:
        for n, tile in enumerate(tiles):
            if tile in tiles[:n]:
                raise ValueError(f"names tile {list(tile)} twice")
            _require_inside(tile, info)
        return tiles

    @field_validator("links")
    @classmethod
    def _links_join_tiles(
        cls, links: tuple[tuple[Tile, Tile], ...] | None, info: ValidationInfo
    ) -> tuple[tuple[Tile, Tile], ...] | None:
        seen: set[frozenset[Tile]] = set()
        for a, b in links or ():
            for tile in (a, b):
                _require_inside(tile, info)
                if tile in info.data.get("without", ()) and not info.data.get("router_at_holes"):
                    raise ValueError(f"has a link to tile {list(tile)}, which is missing")
            if abs(a[0] - b[0]) + abs(a[1] - b[1]) != 1:
                raise ValueError(f"joins {list(a)} and {list(b)}, which are not neighbours")
            if frozenset((a, b)) in seen:
                raise ValueError(f"joins {list(a)} and {list(b)} twice")
            seen.add(frozenset((a, b)))
        return links

    @field_validator("host")
    @classmethod
    def _host_at_a_router(cls, host: Tile, info: ValidationInfo) -> Tile:
        _require_inside(host, info)
        if host in info.data.get("without", ()) and not info.data.get("router_at_holes"):
            raise ValueError(f"is at tile {list(host)}, which has no router")
        return host


def _as_tuples(raw: Any) -> Any:
    return tuple(_as_tuples(item) for item in raw) if isinstance(raw, list | tuple) else raw


def _require_inside(tile: Tile, info: ValidationInfo) -> None:
    """Refuse a tile outside the mesh (fields before this one are validated already)."""
    data = info.data
    if not {"width", "height", "first"} <= data.keys():
        return
    (x0, y0), width, height = data["first"], data["width"], data["height"]
    if not (x0 <= tile[0] < x0 + width and y0 <= tile[1] < y0 + height):
        raise ValueError(f"names tile {list(tile)}, which is missing; expected x in "
                         f"{x0}..{x0 + width - 1} and y in {y0}..{y0 + height - 1}")
