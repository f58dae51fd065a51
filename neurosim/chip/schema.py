"""What a chip file may say.

Every number of a chip is a :class:`Constant`: a value in SI units with the source it came from and
a flag that says how far to trust it.  docs/reference/chip-files.md lists every field.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from neurosim.chip.quantity import parse_quantity

if TYPE_CHECKING:
    import networkx as nx

    from neurosim.chip.topology import NocArrays

Flag = Literal["measured", "derived", "simulated", "assumed", "given"]
Tile = tuple[int, int]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Constant(_Model):
    """A number in SI units with its provenance.

    ``measured``: by the chip's makers; ``derived``: arithmetic on measured values; ``simulated``:
    before silicon; ``assumed``: a proxy, with a range; ``given``: set by the user.  ``low`` and
    ``high`` equal ``value`` where no range is known.
    """

    value: float
    source: str
    flag: Flag
    low: float
    high: float

    def __float__(self) -> float:
        return self.value

    def __int__(self) -> int:
        return int(self.value)

    def __index__(self) -> int:
        if not self.value.is_integer():
            raise TypeError(f"{self.value} is not a whole number")
        return int(self.value)


def quantity(
    unit: str, description: str, *, positive: bool = False, whole: bool = False,
    optional: bool = False,
) -> Any:
    """A field that holds a :class:`Constant` in ``unit``, never negative.

    Args:
        unit: SI unit of the value.
        description: one phrase for the reference documentation.
        positive: zero is refused too.
        whole: only whole numbers are accepted.
        optional: the field may be null (or absent), meaning no limit.
    """
    extra: JsonDict = {"unit": unit, "positive": positive, "whole": whole}
    if optional:
        return Field(default=None, description=description, json_schema_extra=extra)
    return Field(description=description, json_schema_extra=extra)


class _Section(_Model):
    """A section whose quantities accept bare numbers, text with units, or full constants."""

    @field_validator("*", mode="before")
    @classmethod
    def _read_constant(cls, raw: Any, info: ValidationInfo) -> Any:
        extra = cls.model_fields[str(info.field_name)].json_schema_extra
        if not isinstance(extra, dict) or "unit" not in extra or raw is None:
            return raw
        return read_constant(
            raw, str(extra["unit"]), positive=bool(extra["positive"]), whole=bool(extra["whole"])
        )

    def constants(self) -> Iterator[tuple[str, Constant, str]]:
        """Name, constant and unit of every quantity that is set."""
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if isinstance(value, Constant):
                assert isinstance(field.json_schema_extra, dict)
                yield name, value, str(field.json_schema_extra["unit"])


def read_constant(raw: Any, unit: str, *, positive: bool, whole: bool) -> Constant:
    """A :class:`Constant` from a number, text with a unit, or a mapping with
    ``value``, ``source``, ``flag`` and, if assumed, ``range: [low, high]``.

    Raises:
        ValueError: anything else, a value out of bounds, or a range that excludes the value.
    """
    if isinstance(raw, Constant):
        return raw
    if not isinstance(raw, dict):
        raw = {"value": raw, "source": "set by the user", "flag": "given"}
    unknown = set(raw) - {"value", "source", "flag", "range"}
    if unknown:
        raise ValueError(f"has the unknown key {min(map(str, unknown))!r}; "
                         "expected value, source, flag and range")
    if "value" not in raw:
        raise ValueError("has no value")
    flag = raw.get("flag", "given")
    if flag not in get_args(Flag):
        raise ValueError(f"has the unknown flag {flag!r}; expected {', '.join(get_args(Flag))}")
    if flag == "assumed" and raw.get("range") is None:
        raise ValueError("is assumed, but has no range; expected range: [low, high]")
    value = parse_quantity(raw["value"], unit)
    bounds = raw.get("range") or [value, value]
    if not isinstance(bounds, list | tuple) or len(bounds) != 2:
        raise ValueError(f"has the range {bounds!r}; expected [low, high]")
    low, high = (parse_quantity(bound, unit) for bound in bounds)
    if min(value, low) < 0:
        raise ValueError(f"is negative: {min(value, low):g}; expected {_bound(positive)}")
    if positive and min(value, low) == 0:
        raise ValueError("is zero; expected a value above 0")
    if whole and not value.is_integer():
        raise ValueError(f"is not a whole number: {value:g}")
    if not low <= value <= high:
        raise ValueError(f"is {value:g}, outside its range [{low:g}, {high:g}]")
    return Constant(value=value, source=str(raw.get("source", "set by the user")), flag=flag,
                    low=low, high=high)


def _bound(positive: bool) -> str:
    return "a value above 0" if positive else "0 or more"


class Topology(_Model):
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


class Level(_Section):
    """A performance level: clock and voltage of the cores, and what they cost."""

    core_clock_hz: Constant = quantity("Hz", "core clock", positive=True)
    voltage_v: Constant = quantity("V", "core supply voltage", positive=True)
    core_sleep_w: Constant = quantity("W", "power of one sleeping core")
    core_active_j_per_cycle: Constant = quantity("J/cycle", "energy of a busy core above sleep")


class Noc(_Section):
    """Routers and links.  Zero-load latency of a hop: pipeline_cycles + link_cycles."""

    clock_hz: Constant = quantity("Hz", "router clock", positive=True)
    flit_bits: Constant = quantity("bit", "bits a link moves per cycle", positive=True, whole=True)
    pipeline_cycles: Constant = quantity("cycles", "head's arrival to earliest grant", whole=True)
    link_cycles: Constant = quantity("cycles", "grant to head at the next router", positive=True,
                                     whole=True)
    local_cycles: Constant = quantity("cycles", "router to core, and core to router",
                                      positive=True, whole=True)
    buffer_flits: Constant = quantity("", "input buffer of a port and channel, in flits",
                                      positive=True, whole=True)
    credit_cycles: Constant = quantity("cycles", "freed slot to credit at the sender",
                                       positive=True, whole=True)
    sync_cycles: Constant = quantity("cycles", "synchroniser between clock domains, at the router",
                                     whole=True)
    routing: Literal["xy", "yx"] = "xy"
    virtual_channels: Constant = quantity("", "virtual channels per port", positive=True,
                                          whole=True)
    table_entries: Constant | None = quantity(
        "", "multicast routing table of a router, in entries (null: no limit)", positive=True,
        whole=True, optional=True)


class Packet(_Section):
    """Packet sizes, headers included."""

    event_bits: Constant = quantity("bit", "spike packet", positive=True, whole=True)
    marker_bits: Constant = quantity("bit", "end-of-step marker", positive=True, whole=True)
    ack_bits: Constant = quantity("bit", "acknowledgement of a step", positive=True, whole=True)
    payload_bits: Constant = quantity("bit", "payload within a spike packet", whole=True)


class Core(_Section):
    """A core's memory, queues and software costs, in cycles of the core clock."""

    data_bytes: Constant = quantity("B", "data memory", positive=True, whole=True)
    fifo_packets: Constant = quantity("packets", "input FIFO", positive=True, whole=True)
    fifo_policy: Literal["stall", "drop", "overwrite"] = "stall"
    receive_cycles: Constant = quantity("cycles", "take an event from the FIFO", whole=True)
    marker_cycles: Constant = quantity("cycles", "take a marker or acknowledgement", whole=True)
    accumulate_cycles: Constant = quantity("cycles", "find the row of an event", whole=True)
    group_cycles: Constant = quantity("cycles", "process `lanes` synapses of a row", whole=True)
    lanes: Constant = quantity("", "synapses processed at once", positive=True, whole=True)
    update_cycles: Constant = quantity("cycles", "update one unit", whole=True)
    send_cycles: Constant = quantity("cycles", "send one packet", whole=True)
    wake_cycles: Constant = quantity("cycles", "wake from sleep", whole=True)
    sync_cycles: Constant = quantity("cycles", "synchroniser between clock domains, at the core",
                                     whole=True)
    weight_bytes: Constant = quantity("B", "one stored weight", positive=True, whole=True)
    index_bytes: Constant = quantity("B", "column index of one synapse", whole=True)
    row_pointer_bytes: Constant = quantity("B", "start of one row", whole=True)
    lookup_bytes: Constant = quantity("B", "entry of the key lookup, per stored row", whole=True)
    state_bytes_per_unit: Constant = quantity("B", "state and parameters of one unit", whole=True)
    sum_bytes: Constant = quantity("B", "one gate sum", whole=True)
    queue_entry_bytes: Constant = quantity("B", "one packet in a queue", whole=True)


class Sync(_Section):
    """Cost of synchronisation beyond the packets."""

    barrier_base_s: Constant = quantity("s", "barrier, fixed part")
    barrier_per_core_s: Constant = quantity("s", "barrier, per participating core")
    report_s: Constant = quantity("s", "core's report to the synchroniser")


class Host(_Section):
    """The host beside the chip, on a router's link of its own."""

    clock_hz: Constant = quantity("Hz", "clock of the host link", positive=True)
    link_bits_per_cycle: Constant = quantity("bit", "bits the link moves per cycle",
                                             positive=True, whole=True)
    latency_cycles: Constant = quantity("cycles", "latency of the host link", positive=True,
                                        whole=True)
    packet_cycles: Constant = quantity("cycles", "host's cost per packet sent", whole=True)
    macs_per_s: Constant = quantity("1/s", "host's decoder arithmetic", positive=True)


class Energy(_Section):
    """Energies beside those of the performance level."""

    static_w: Constant = quantity("W", "whole chip with its cores off")
    unused_cores: Literal["asleep", "off"] = "asleep"
    sram_j_per_byte: Constant = quantity("J/B", "local memory access beyond core-active energy")
    noc_j_per_bit_hop: Constant = quantity("J/bit", "one bit over one link")
    router_j_per_packet: Constant = quantity("J", "look-up of one packet at one router")
    host_link_j_per_bit: Constant = quantity("J/bit", "one bit over the host link")
    dram_j_per_bit: Constant = quantity("J/bit", "one bit to or from DRAM")
    host_j_per_mac: Constant = quantity("J", "one multiply-accumulate on the host")


def _inconsistent(
    key: str, why: str, allowed: str, also: tuple[str, ...] = ()
) -> PydanticCustomError:
    """A contradiction between keys: ``key`` is blamed unless the user set one of ``also``."""
    return PydanticCustomError("inconsistent", "{why}",
                               {"keys": (key, *also), "why": why, "allowed": allowed})


class Chip(_Model):
    """A chip: tiles, NoC, cores and all their costs (see :func:`neurosim.chip.load_chip`).

    ``usable_cores`` null means all; otherwise the cores with the highest ids stay reserved.
    ``sources`` says where values that are no :class:`Constant` come from, by dotted key.
    ``default_level`` is the level in use once the chip is loaded.
    """

    name: str
    description: str = ""
    topology: Topology
    usable_cores: int | None = Field(default=None, ge=1)
    levels: dict[str, Level] = Field(min_length=1)
    default_level: str
    noc: Noc
    packet: Packet
    core: Core
    sync: Sync
    host: Host
    energy: Energy
    sources: dict[str, str] = {}

    @model_validator(mode="after")
    def _consistent(self) -> Chip:
        if self.default_level not in self.levels:
            raise _inconsistent("default_level", f"is {self.default_level!r}",
                                ", ".join(self.levels))
        dotted = next((name for name in self.levels if "." in name), None)
        if dotted is not None:
            raise _inconsistent("levels", f"has a level named {dotted!r}", "names without a dot")
        if self.core_count == 0:
            raise _inconsistent("topology.without", "leaves no tile with cores", "fewer holes")
        if self.usable > self.core_count:
            raise _inconsistent("usable_cores", f"is {self.usable}", f"1 to {self.core_count}")
        largest = max(int(self.packet.event_bits), int(self.packet.marker_bits),
                      int(self.packet.ack_bits))
        flits, bits = int(self.noc.buffer_flits), int(self.noc.flit_bits)
        if flits * bits < largest:
            raise _inconsistent(
                "noc.buffer_flits",
                f"a buffer of {flits} x {bits} bits holds less than a packet of {largest} bits",
                f"{-(-largest // bits)} flits or more: a whole packet must fit",
                also=("packet.event_bits", "packet.marker_bits", "packet.ack_bits",
                      "noc.flit_bits"))
        return self

    @property
    def core_count(self) -> int:
        """All cores, usable or not."""
        holes = len(self.topology.without)
        return (self.topology.width * self.topology.height - holes) * self.topology.cores_per_tile

    @property
    def usable(self) -> int:
        """Cores that an application may use: ids ``0 .. usable - 1``."""
        return self.core_count if self.usable_cores is None else self.usable_cores

    @property
    def level(self) -> Level:
        """The performance level in use."""
        return self.levels[self.default_level]

    @cached_property
    def topology_graph(self) -> nx.DiGraph:
        """Routers and links (:func:`neurosim.chip.topology.build_graph`); do not change it."""
        from neurosim.chip.topology import build_graph

        return build_graph(self.topology, self.noc.routing)

    @cached_property
    def noc_arrays(self) -> NocArrays:
        """The graph as arrays (:class:`neurosim.chip.topology.NocArrays`)."""
        from neurosim.chip.topology import noc_arrays

        return noc_arrays(self.topology_graph)

    def constants(self) -> Iterator[tuple[str, Constant, str]]:
        """Dotted key, constant and unit of every number of the chip, all levels included."""
        for level_name, level in self.levels.items():
            for name, constant, unit in level.constants():
                yield f"levels.{level_name}.{name}", constant, unit
        for section_name in ("noc", "packet", "core", "sync", "host", "energy"):
            for name, constant, unit in getattr(self, section_name).constants():
                yield f"{section_name}.{name}", constant, unit
