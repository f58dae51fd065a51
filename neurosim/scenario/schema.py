"""What a scenario file may say: one pydantic model per section.

Strict types (no text taken for a number, no number for a boolean) and no unknown keys.  Rules that
span several keys raise through :func:`refuse`, which names the key to blame.  Bare numbers are SI;
the descriptions go into the JSON Schema and so into editors.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from neurosim.files.units import Quantity
from neurosim.scenario.language import (
    DecoderSection,
    EmbeddingSection,
    GenerateSection,
    Prompt,
    check_language,
)
from neurosim.scenario.section import (
    BelowOne,
    Count,
    FilePath,
    Fraction,
    Natural,
    Number,
    PositiveTime,
    Section,
    Time,
    refuse,
)

SYNTHETIC_STEPS = 10


class Synthetic(Section):
    """A network made up from numbers: its synapses are random, its events are replayed."""

    layers: Annotated[list[Count], Field(min_length=1)]
    """Units of each layer."""
    inputs: Count
    """Width of the input of the first layer."""
    weight_sparsity: BelowOne = 0.0
    """Fraction of weights that are zero (not stored)."""
    activity: Fraction = 0.1
    """Mean fraction of the units of a layer that fire in a step."""
    input_activity: Fraction = 1.0
    """Mean fraction of non-zero inputs in a step."""
    events: Literal["skewed", "uniform"] = "skewed"
    """Distribution of the rates over the units; recorded networks are skewed."""
    replay: FilePath | None = None
    """activity.npz of a recorded run, played back instead of drawn events."""
    locality: Count | None = None
    """A unit has synapses only from sources within this index distance."""
    fan_in: Count | None = None
    """Stored sources per unit and kernel, instead of weight_sparsity."""

    @model_validator(mode="after")
    def _one_density(self) -> Self:
        if self.fan_in is not None and self.weight_sparsity:
            refuse("fan_in", "both fan_in and weight_sparsity are given", "one of them")
        return self


class NetworkSection(Section):
    """The network: a trained model or a synthetic one."""

    model: FilePath | None = None
    """Weights: .safetensors or .npz, with the JSON sidecar beside it."""
    synthetic: Synthetic | None = None
    """A made-up network, to explore without a model."""
    prune: BelowOne = 0.0
    """Fraction of the kernels' weights set to zero, smallest magnitudes first, over all layers."""
    threshold_offset: Number = 0.0
    """Added to each firing threshold; moves firing only."""
    reset_offset: Number = 0.0
    """Added to what a firing unit subtracts from its state."""
    fire: Literal["threshold", "always"] | None = None
    """always: every unit sends its state every step (the dense twin). Default: the model's."""
    zoneout: Fraction | None = None
    """Overrides the sidecar's zoneout probability."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [key for key in ("model", "synthetic") if getattr(self, key) is not None]
        if len(given) != 1:
            refuse(given[-1] if given else "", "give exactly one source", "model or synthetic")
        moved = [key for key in ("threshold_offset", "reset_offset") if getattr(self, key)]
        if self.fire == "always" and moved:
            refuse(moved[0], "units that always fire have no threshold to move",
                   "0, or fire: threshold")
        return self


class Traffic(Section):
    """Packets without a network, to study the network-on-chip alone."""

    pattern: Literal["uniform", "transpose", "bit_complement", "hotspot", "neighbour",
                     "trace-file"]
    """Who sends to whom; trace-file: the packets that a file lists."""
    rate: Annotated[float, Quantity("number", above=0.0, maximum=1.0)] | None = None
    """Packets offered per node and NoC cycle; none with trace-file."""
    file: FilePath | None = None
    """trace-file: lines of cycle, source, destination and perhaps flits."""
    process: Literal["bernoulli", "poisson"] = "bernoulli"
    """bernoulli: offers at clock edges; poisson: at any time."""
    packet_flits: Count = 1
    """Length of a packet in flits; trace-file: where a line has none."""
    cycles: Count
    """NoC cycles measured."""
    warmup: Natural = 0
    """NoC cycles before the measurement."""

    @model_validator(mode="after")
    def _rate_or_file(self) -> Self:
        listed = self.pattern == "trace-file"
        if listed and self.file is None:
            refuse("file", "is missing", "a file with cycle, source, destination in each line")
        if listed and self.rate is not None:
            refuse("rate", "the file says when packets are offered", "no rate with trace-file")
        if not listed and self.rate is None:
            refuse("rate", "is missing", "packets per node and cycle, above 0 and at most 1")
        if not listed and self.file is not None:
            refuse("file", f"belongs to trace-file, not to {self.pattern}", "no file")
        return self


class WorkloadSection(Section):
    """What enters the network, one row a step."""

    text: FilePath | None = None
    """UTF-8 text, tokenised by the model's vocabulary."""
    tokens: FilePath | None = None
    """.npy of token numbers, shape [steps]."""
    inputs: FilePath | None = None
    """.npy of input rows, shape [steps, inputs]."""
    traffic: Traffic | None = None
    """Synthetic packet traffic instead of a network."""
    prompt: Prompt | None = None
    """mode: generate: text that each stream begins with, or a list of one text a stream."""
    steps: Count | None = None
    """Steps of each stream; default: all that the file holds (10 for a synthetic network).
    mode: generate: tokens that each stream generates at least."""
    start: Natural = 0
    """First row of the file that is used."""
    window: Natural | None = None
    """The hidden state restarts every so many steps; 0: never; default: as in training."""
    evaluate_tokens: Count | None = None
    """Tokens over which the functional model evaluates the task; default: those simulated."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        sources = ("text", "tokens", "inputs", "traffic", "prompt")
        given = [key for key in sources if getattr(self, key) is not None]
        if len(given) > 1:
            refuse(given[-1], f"{given[0]} is given already", "one of " + ", ".join(sources))
        return self


class ChipSection(Section):
    """The hardware: a chip file and what differs from it."""

    use: Annotated[str, Field(min_length=1)] = "spinnaker2"
    """Name of a chip that comes with neurosim, or path of a chip file."""
    cores: Count | None = None
    """Cores that the network may take; default: all that are usable."""
    level: str | None = None
    """Performance level; default: the chip file's."""
    set: dict[str, Any] = {}
    """Dotted keys of the chip file with other values."""


class MappingSection(Section):
    """Which units live where."""

    partition: Literal["balanced", "even"] = "balanced"
    """balanced: equal expected work per core; even: equal numbers of units."""
    placement: Literal["compact", "linear", "random"] = "compact"
    """compact: slices that talk are neighbours; linear: in core order; random: by the seed."""
    cores_per_layer: list[Count] | None = None
    """Cores of each layer, instead of by expected work."""
    keys: Literal["unit", "core"] = "unit"
    """One multicast tree per unit, or one per core shared by its units."""
    spill: bool = False
    """Where synapse tables do not fit the cores, those that are too large lie in DRAM."""


class HostSection(Section):
    """The host at the edge of the chip."""

    closed_loop: bool = False
    """Each step's input waits for the output of the step before."""
    input: Literal["packets", "currents"] = "packets"
    """packets: a packet for each non-zero value; currents: gate sums that the host has multiplied
    out, several to a packet."""


class SyncSection(Section):
    """How cores agree on the step."""

    kind: Literal["barrier", "tick", "dataflow"] = "barrier"
    """barrier: all wait for all; tick: fixed period; dataflow: each waits for its inputs."""
    order: Literal["skewed", "per_layer"] | None = None
    """barrier: all layers at once on successive tokens (skewed, default), or one by one."""
    base: Time | None = None
    """barrier: cost of a barrier on one core; default: the chip's."""
    per_core: Time | None = None
    """barrier: added cost per core; default: the chip's."""
    period: PositiveTime | None = None
    """tick: time of a step."""
    buffers: Annotated[int, Field(ge=2)] | None = None
    """dataflow: sets of gate sums per core, which bound the run-ahead; default 2."""

    @model_validator(mode="before")
    @classmethod
    def _only_its_own(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        own = {"barrier": ("order", "base", "per_core"), "tick": ("period",),
               "dataflow": ("buffers",)}  # fmt: skip
        kind = data.get("kind", "barrier")
        if kind not in own:
            return data
        for other, keys in own.items():
            for key in keys:
                if other != kind and data.get(key) is not None:
                    refuse(key, f"belongs to {other}, not to {kind}", ", ".join(own[kind]))
        if kind == "tick" and data.get("period") is None:
            refuse("period", "a tick needs its period", "a time such as 1 ms")
        if kind == "barrier" and data.get("order") is None:
            return {**data, "order": "skewed"}
        if kind == "dataflow" and data.get("buffers") is None:
            return {**data, "buffers": 2}
        return data


class Sections(Section):
    """The whole scenario file."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.\-]*$", max_length=100)]
    """Names the run and its output folder; default: the file's name without its suffix."""
    description: str = ""
    """For people."""
    network: NetworkSection | None = None
    """The trained or synthetic network; left out only for workload.traffic."""
    workload: WorkloadSection = WorkloadSection()
    chip: ChipSection = ChipSection()
    mapping: MappingSection = MappingSection()
    host: HostSection = HostSection()
    sync: SyncSection = SyncSection(order="skewed")
    mode: Literal["score", "generate"] = "score"
    """score: given tokens enter; generate: the token that the machine chose enters next."""
    streams: Count | None = None
    """Independent sequences interleaved, each with its own state; default: one, or one a prompt."""
    embedding: EmbeddingSection = EmbeddingSection()
    decoder: DecoderSection | None = None
    """Left out: the decoder costs nothing (mode: generate: it is on the host)."""
    generate: GenerateSection | None = None
    engine: Literal["auto", "simpy", "compiled"] = "auto"
    """simpy: the readable reference; compiled: the fast one; auto: compiled where it can."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Seeds all that is drawn."""
    bounds: bool = False
    """Simulate twice more, with all assumed durations at the ends of their ranges."""
    record: list[Literal["activity", "trace"]] = []
    """What is kept beside the tables: activity (all layer outputs), trace (all records)."""

    @model_validator(mode="after")
    def _network_and_workload(self) -> Self:
        work, network = self.workload, self.network
        if network is None:
            if work.traffic is None:
                refuse("network", "is missing", "network.model or network.synthetic")
        elif work.traffic is not None:
            refuse("workload.traffic", "takes no network", "network or workload.traffic")
        elif network.model is not None:
            if self.mode == "score" and not (
                    work.text or work.tokens or work.inputs or work.prompt):
                refuse("workload", "a model needs input", "text, tokens or inputs")
        elif work.text or work.tokens:
            key = "workload.text" if work.text else "workload.tokens"
            refuse(key, "a synthetic network has no vocabulary", "workload.inputs or only steps")
        elif work.steps is None and work.inputs is None:
            filled = work.model_copy(update={"steps": SYNTHETIC_STEPS})
            object.__setattr__(self, "workload", filled)
        return self

    @model_validator(mode="after")
    def _language(self) -> Self:
        for key, value in check_language(self).items():
            object.__setattr__(self, key, value)
        return self


def json_schema() -> dict[str, Any]:
    """JSON Schema of the scenario file, short forms included, for editors."""
    schema = Sections.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "neurosim scenario"
    schema["required"] = []  # name defaults to the file's name
    properties = schema["properties"]
    for section, short in (
        ("chip", {"type": "string", "description": "name or path of a chip file"}),
        ("sync", {"enum": ["barrier", "dataflow"]}),
    ):
        properties[section] = {"anyOf": [short, properties[section]]}
    return schema
