"""What a chip file may say, section by section (docs/reference/chip-files.md)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator, model_validator

from neurosim.chip.constant import Constant, Section, Strict, quantity
from neurosim.chip.tiles import Topology, as_tuples, inconsistent

if TYPE_CHECKING:
    import networkx as nx

    from neurosim.chip.dram import Ports
    from neurosim.chip.routes import Routes
    from neurosim.chip.topology import NocArrays


#: Most rows that a core may have on their way.
MOST_OUTSTANDING = 64


class Level(Section):
    """A performance level: clock and voltage of the cores, and what they cost."""

    core_clock_hz: Constant = quantity("Hz", "core clock", positive=True)
    voltage_v: Constant = quantity("V", "core supply voltage", positive=True)
    core_sleep_w: Constant = quantity("W", "power of one sleeping core")
    core_active_j_per_cycle: Constant = quantity("J/cycle", "energy of a busy core above sleep")
    mac_active_j_per_cycle: Constant | None = quantity(
        "J/cycle", "energy above sleep while the MAC array is busy (null: as a busy core)",
        optional=True)


class Noc(Section):
    """Routers and links.  Zero-load latency of a hop: pipeline + sync + link cycles."""

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
    sync_cycles: Constant = quantity("cycles", "synchroniser of a router input, part of every hop",
                                     whole=True)
    routing: Literal["xy", "yx", "west_first", "west_first_adaptive", "up_down",
                     "shortest"] = "xy"
    check_deadlock: bool = True
    queueing: Literal["input", "output"] = "input"
    unlimited_buffers: bool = False
    vc_choice: Literal["route", "most_room"] = "route"
    multicast: Literal["tree", "central", "unicast"] = "tree"
    virtual_channels: Constant = quantity("", "virtual channels per port", positive=True,
                                          whole=True)
    link_cycles_y: Constant | None = quantity(
        "cycles", "link_cycles of N and S links (null: the same)", positive=True, whole=True,
        optional=True)
    table_entries: Constant | None = quantity(
        "", "multicast routing table of a router, in entries (null: no limit)", positive=True,
        whole=True, optional=True)


class ChipLink(Section):
    """Links between chips, or between boards."""

    clock_hz: Constant = quantity("Hz", "clock of the link", positive=True)
    bits_per_cycle: Constant = quantity("bit", "bits the link moves per cycle", positive=True,
                                        whole=True)
    latency_cycles: Constant = quantity("cycles", "grant to head at the other chip's router",
                                        positive=True, whole=True)
    credit_cycles: Constant = quantity("cycles", "freed slot to credit at the sender",
                                       positive=True, whole=True)
    buffer_flits: Constant = quantity("", "input buffer at the far end, in NoC flits",
                                      positive=True, whole=True)


class Blocked(Section):
    """A router's packet that cannot leave: the way round its link, then drop and re-injection.

    ``detour``: over the two other sides of a triangle of links, as SpiNNaker's emergency routes.
    """

    wait_s: Constant = quantity("s", "wait before the detour is tried", positive=True)
    detour: bool = True
    detour_wait_s: Constant = quantity("s", "further wait before the packet is dropped",
                                       positive=True)
    reinject_packets: Constant = quantity(
        "packets", "dropped packets that software keeps per router; more are lost", whole=True)
    reinject_s: Constant = quantity("s", "software's time to send one of them again",
                                    positive=True)


class Packet(Section):
    """Packet sizes, headers included."""

    event_bits: Constant = quantity("bit", "spike packet", positive=True, whole=True)
    marker_bits: Constant = quantity("bit", "end-of-step marker", positive=True, whole=True)
    ack_bits: Constant = quantity("bit", "acknowledgement of a step", positive=True, whole=True)
    result_bits: Constant = quantity("bit", "candidate word of a decoder core: logit and word",
                                     positive=True, whole=True)
    payload_bits: Constant = quantity("bit", "payload within a spike packet", whole=True)
    events_per_packet: Constant | None = quantity(
        "", "events of one core and step in a spike packet, at most (null: 1)", positive=True,
        whole=True, optional=True)


class Dram(Section):
    """Memory beside a chip, behind ports on its network.

    ``tiles``: those at whose routers the ports are, on every chip; null: one port, at the host's
    tile (of a graph file: at the first router of each chip).
    """

    bytes: Constant = quantity("B", "memory of one chip", positive=True, whole=True)
    bandwidth_bytes_per_s: Constant = quantity("B/s", "transfer of one port", positive=True)
    latency_s: Constant = quantity("s", "access of an idle port, without transfer and network",
                                   positive=True)
    burst_bytes: Constant = quantity("B", "a port transfers whole bursts", positive=True,
                                     whole=True)
    outstanding: Constant = quantity("", "rows that a core has fetched and not worked off, at most",
                                     positive=True, whole=True)
    tiles: tuple[tuple[int, int], ...] | None = None

    @field_validator("tiles", mode="before")
    @classmethod
    def _tuples(cls, raw: Any) -> Any:
        return as_tuples(raw)


class Core(Section):
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
    table_format: Literal["csr", "csr16", "csr32", "delta8", "bitmap", "dense"] = "csr"
    bitmap_word_bits: Constant | None = quantity(
        "bit", "bitmap columns scanned at once (null: 32)", positive=True, whole=True,
        optional=True)
    bitmap_word_cycles: Constant | None = quantity(
        "cycles", "scan one word of a bitmap row (null: 1)", whole=True, optional=True)
    weight_bytes: Constant = quantity("B", "one stored weight", positive=True, whole=True)
    index_bytes: Constant = quantity("B", "column index of one synapse", whole=True)
    row_pointer_bytes: Constant = quantity("B", "start of one row", whole=True)
    lookup_bytes: Constant = quantity("B", "entry of the key lookup, per stored row", whole=True)
    state_bytes_per_unit: Constant = quantity("B", "state and parameters of one unit", whole=True)
    sum_bytes: Constant = quantity("B", "one gate sum", whole=True)
    queue_entry_bytes: Constant = quantity("B", "one packet in a queue", whole=True)
    stream_bytes_per_unit: Constant | None = quantity(
        "B", "state of one unit for one more stream (null: state_bytes_per_unit)", whole=True,
        optional=True)
    dense_cycles: Constant | None = quantity(
        "cycles", "one product with consecutive weights, scalar (null: group_cycles)",
        positive=True, whole=True, optional=True)
    word_cycles: Constant | None = quantity(
        "cycles", "compare one word's logit with the best (null: dense_cycles)", positive=True,
        whole=True, optional=True)
    mac_lanes: Constant | None = quantity(
        "", "int8 products a cycle of the core's MAC array (null: none)", positive=True,
        whole=True, optional=True)
    mac_utilisation: Constant | None = quantity(
        "", "share of mac_lanes that fully connected products reach (null: 1)", positive=True,
        optional=True)
    mac_setup_cycles: Constant | None = quantity(
        "cycles", "start the MAC array once (null: 0)", whole=True, optional=True)


class Sync(Section):
    """Cost of synchronisation beyond the packets."""

    barrier_base_s: Constant = quantity("s", "barrier, fixed part")
    barrier_per_core_s: Constant = quantity("s", "barrier, per participating core")
    report_s: Constant = quantity("s", "core's report to the synchroniser")


class Host(Section):
    """The host beside the chip, on a router's link of its own."""

    clock_hz: Constant = quantity("Hz", "clock of the host link", positive=True)
    link_bits_per_cycle: Constant = quantity("bit", "bits the link moves per cycle",
                                             positive=True, whole=True)
    latency_cycles: Constant = quantity("cycles", "latency of the host link", positive=True,
                                        whole=True)
    packet_cycles: Constant = quantity("cycles", "host's cost per packet sent", whole=True)
    macs_per_s: Constant = quantity("1/s", "host's decoder arithmetic", positive=True)


class Energy(Section):
    """Energies beside those of the performance level."""

    static_w: Constant = quantity("W", "one chip with its cores off")
    unused_cores: Literal["asleep", "off"] = "asleep"
    sram_j_per_byte: Constant = quantity("J/B", "local memory access beyond core-active energy")
    noc_j_per_bit_hop: Constant = quantity("J/bit", "one bit over one link")
    router_j_per_packet: Constant = quantity("J", "look-up of one packet at one router")
    host_link_j_per_bit: Constant = quantity("J/bit", "one bit over the host link")
    dram_j_per_bit: Constant = quantity("J/bit", "one bit to or from DRAM")
    host_j_per_mac: Constant = quantity("J", "one multiply-accumulate on the host")
    noc_j_per_bit_hop_y: Constant | None = quantity(
        "J/bit", "noc_j_per_bit_hop of N and S links (null: the same)", optional=True)
    chip_link_j_per_bit: Constant | None = quantity(
        "J/bit", "one bit over a link between chips (null: 0)", optional=True)
    sram_j_per_read: Constant | None = quantity(
        "J", "one read or write of a local memory word (null: 0)", optional=True)
    sram_word_bytes: Constant | None = quantity(
        "B", "width of a local memory word (null: 8)", positive=True, whole=True, optional=True)
    synaptic_op_j: Constant | None = quantity(
        "J", "synaptic operation beyond core-active energy (null: 0)", optional=True)
    update_j: Constant | None = quantity(
        "J", "unit update beyond core-active energy (null: 0)", optional=True)
    receive_j: Constant | None = quantity(
        "J", "packet taken in by a core, beyond core-active energy (null: 0)", optional=True)
    send_j: Constant | None = quantity(
        "J", "packet sent by a core, beyond core-active energy (null: 0)", optional=True)


class Chip(Strict):
    """A chip: tiles, NoC, cores and all their costs (see :func:`neurosim.chip.load_chip`).

    ``usable_cores``, a number per chip, null: all; the others have the highest ids and stay
    reserved.  ``board_link`` null: links between boards are like ``chip_link``.  ``dram`` null:
    there is none.  ``blocked`` null: packets wait until they can go on.
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
    dram: Dram | None = None
    chip_link: ChipLink | None = None
    board_link: ChipLink | None = None
    blocked: Blocked | None = None
    sources: dict[str, str] = {}

    @model_validator(mode="after")
    def _consistent(self) -> Chip:
        if self.default_level not in self.levels:
            raise inconsistent("default_level", f"is {self.default_level!r}",
                                ", ".join(self.levels))
        dotted = next((name for name in self.levels if "." in name), None)
        if dotted is not None:
            raise inconsistent("levels", f"has a level named {dotted!r}", "names without a dot")
        if self.topology.chips is not None and self.chip_link is None:
            raise inconsistent("chip_link", "is missing", "the links that join the chips",
                               also=("topology.chips",))
        if self.topology.kind != "file":
            cores = self.core_count // self.topology.chip_count
            if cores == 0:
                raise inconsistent("topology.without", "leaves no tile with cores", "fewer holes")
            if self.usable_cores is not None and self.usable_cores > cores:
                raise inconsistent("usable_cores", f"is {self.usable_cores}", f"1 to {cores}")
        if self.dram is not None and int(self.dram.outstanding) > MOST_OUTSTANDING:
            raise inconsistent("dram.outstanding", f"is {int(self.dram.outstanding)}",
                               f"1 to {MOST_OUTSTANDING}")
        share = self.core.mac_utilisation
        if share is not None and float(share) > 1.0:
            raise inconsistent("core.mac_utilisation", f"is {float(share):g}", "a share up to 1")
        largest = max(int(self.packet.event_bits), int(self.packet.marker_bits),
                      int(self.packet.ack_bits))
        self._routers_possible()
        flits, bits = int(self.noc.buffer_flits), int(self.noc.flit_bits)
        if flits * bits < largest:
            raise inconsistent(
                "noc.buffer_flits",
                f"a buffer of {flits} x {bits} bits holds less than a packet of {largest} bits",
                f"{-(-largest // bits)} flits or more: a whole packet must fit",
                also=("packet.event_bits", "packet.marker_bits", "packet.ack_bits",
                      "noc.flit_bits"))
        return self

    def _routers_possible(self) -> None:
        """Queues at outputs serve who came first: they neither choose nor give up."""
        noc = self.noc
        others = {"noc.vc_choice": noc.vc_choice == "most_room",
                  "noc.routing": noc.routing == "west_first_adaptive",
                  "blocked": self.blocked is not None}
        used = [key for key, there in others.items() if there]
        if noc.queueing == "output" and used:
            raise inconsistent("noc.queueing", f"output queues go without {used[0]}", "input",
                               also=(used[0],))
        if self.blocked is not None and others["noc.routing"]:
            raise inconsistent("noc.routing", "an adaptive route has no one link to go round",
                               "another routing, or blocked: null", also=("blocked",))
        if others["noc.vc_choice"] and noc.routing == "shortest":
            raise inconsistent("noc.vc_choice", "shortest-path routes need the channel that their "
                               "destination was given", "route", also=("noc.routing",))

    @property
    def core_count(self) -> int:
        """All cores of all chips, usable or not."""
        topology = self.topology
        if topology.kind == "file":
            return len(self.noc_arrays.core_router)
        tiles = topology.width * topology.height - len(topology.without)
        return tiles * topology.cores_per_tile * topology.chip_count

    @property
    def usable(self) -> int:
        """Cores that an application may use: ids ``0 .. usable - 1``."""
        if self.usable_cores is None:
            return self.core_count
        return min(self.core_count, self.usable_cores * self.topology.chip_count)

    @property
    def level(self) -> Level:
        """The performance level in use."""
        return self.levels[self.default_level]

    @cached_property
    def topology_graph(self) -> nx.DiGraph:
        """Routers and links (:func:`neurosim.chip.topology.build_graph`); do not change it."""
        from neurosim.chip.topology import build_graph

        return build_graph(self.topology, self.usable_cores)

    @cached_property
    def noc_arrays(self) -> NocArrays:
        """The graph as arrays (:class:`neurosim.chip.topology.NocArrays`)."""
        from neurosim.chip.topology import noc_arrays

        return noc_arrays(self.topology_graph)

    @cached_property
    def dram_ports(self) -> Ports:
        """Where the ports of its DRAM are (:class:`neurosim.chip.dram.Ports`)."""
        from neurosim.chip.dram import find_ports

        return find_ports(self)

    @cached_property
    def routes(self) -> Routes:
        """Which output packets take (:class:`neurosim.chip.routes.Routes`)."""
        from neurosim.chip.routing import make_routes

        return make_routes(self)

    def constants(self) -> Iterator[tuple[str, Constant, str]]:
        """Dotted key, constant and unit of every number of the chip, all levels included."""
        for level_name, level in self.levels.items():
            for name, constant, unit in level.constants():
                yield f"levels.{level_name}.{name}", constant, unit
        for section_name in ("noc", "chip_link", "board_link", "blocked", "packet", "core", "sync",
                             "host", "energy", "dram"):
            if getattr(self, section_name) is None:
                continue
            for name, constant, unit in getattr(self, section_name).constants():
                yield f"{section_name}.{name}", constant, unit
