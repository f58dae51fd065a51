"""What the time of a step is spent on: the parts of a critical path and their classes."""

from __future__ import annotations

# Parts, in the order in which a packet meets them.
(HOST_SEND, HOST_LINK, LOCAL, PIPELINE, BUSY, ARBITRATION, QUEUE, CREDIT, SERIAL, WIRE, INPUT,
 RECEIVE, ACCUMULATE, UPDATE, SEND, WAKE, REPORT, BARRIER, TICK, EDGE, OFFERED, DECODE, ASK,
 MEMORY_QUEUE, MEMORY_TRANSFER, MEMORY_LATENCY, BLOCKED) = range(27)
NAMES = (
    "host sending", "host link", "local wire", "router pipeline", "output busy", "arbitration",
    "input queue", "credit", "serialisation", "link wire", "core input", "receive",
    "synaptic work", "update", "send", "wake", "report", "barrier", "tick", "clock edge", "offer",
    "decoding",
    "memory request", "memory queue", "memory transfer", "memory latency", "blocked link",
)
#: What each part means, for tables and reports.
MEANINGS = (
    "the host's cost of a packet, or its transfer if that is longer",
    "latency and serialisation of the host's link",
    "from a core to its router, or from a router to its core",
    "cycles of a router from a head's arrival to its grant",
    "wait for an output that sends a packet which came first",
    "wait for an output that was granted to another input",
    "wait behind a packet in the same input queue",
    "wait for room at the far end of a channel",
    "the tail behind the head, where the whole packet is waited for",
    "latency of a link between routers",
    "synchroniser cycles from a packet's arrival at a core to its first use",
    "taking a packet from the FIFO",
    "multiply-accumulates of an event's row",
    "new state of a unit",
    "sending a packet",
    "waking up",
    "a report on its way to the synchroniser",
    "the barrier's own cost",
    "wait for the global tick",
    "wait for the next clock edge",
    "between two offers of a traffic source",
    "the host's decoder, or its choice among the candidates of decoder cores",
    "a request's way to the memory port",
    "wait for the memory port, which transfers for others",
    "bursts from DRAM",
    "access of DRAM and the data's way to the core",
    "patience with a blocked link before a detour or a drop, and re-injection",
)

COMPUTE, MEMORY, TRAFFIC, SYNCHRONISATION, BALANCE = range(5)
CLASSES = ("compute", "memory", "traffic", "synchronisation", "balance")
#: Class of each part; ``verdict`` moves shares of core time on to memory and balance.
CLASS_OF = (
    TRAFFIC, TRAFFIC, TRAFFIC, TRAFFIC, TRAFFIC, TRAFFIC, TRAFFIC, TRAFFIC, TRAFFIC, TRAFFIC,
    TRAFFIC, TRAFFIC, COMPUTE, COMPUTE, TRAFFIC, COMPUTE, SYNCHRONISATION, SYNCHRONISATION,
    SYNCHRONISATION, SYNCHRONISATION, TRAFFIC, COMPUTE, MEMORY, MEMORY, MEMORY, MEMORY, TRAFFIC,
)
#: Parts that a core's own work consists of.
CORE_WORK = (RECEIVE, ACCUMULATE, UPDATE, SEND, WAKE)
#: Layers of what belongs to no layer's cores: the host's packets, and the synchroniser.
INPUT_LAYER, NO_LAYER = -1, -2
