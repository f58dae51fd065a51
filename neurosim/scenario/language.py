"""Sections for the ends of a language model and for what is done with it.

Rules that span sections are in :func:`check_language`, which the whole scenario calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from neurosim.files.units import Quantity, describe
from neurosim.scenario.section import Count, Section, refuse

if TYPE_CHECKING:
    from neurosim.scenario.schema import Sections


def _prompt(value: object) -> list[str]:
    """A text, or a list of texts, none empty."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or not all(
            isinstance(text, str) and text for text in texts):
        context = {"why": f"must be a text of at least one token, or a list of such, not "
                          f"{describe(value)}", "allowed": "text, or [text, ...]"}
        raise PydanticCustomError("quantity", "{why}", context)
    return list(texts)


Prompt = Annotated[
    list[str], BeforeValidator(_prompt),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


class DecoderSection(Section):
    """Where the next token's logits are computed, and how."""

    on: Literal["host", "chip", "dram"] = "host"
    """host: beside the chip; chip: rows in the cores' memory; dram: cores stream rows from DRAM."""
    gated: bool = True
    """true: products only for units that fired, event by event; false: all of them."""
    precision: Literal["fp32", "int8"] = "fp32"
    """Of rows (int8: a scale a word) and of the values that enter (int8: unsigned 8 bits)."""
    cores: Count | None = None
    """Cores that hold words; default: by expected work."""
    reduction: Annotated[int, Field(ge=2, le=64)] = 4
    """Children of a node in the tree of cores that reduces the best words to one."""

    @model_validator(mode="after")
    def _only_its_own(self) -> Self:
        if self.on == "host" and self.cores is not None:
            refuse("cores", "a decoder on the host takes no cores", "decoder.on chip or dram")
        return self


class EmbeddingSection(Section):
    """Where tokens become vectors."""

    on: Literal["host", "chip", "dram"] = "host"
    """host: the vector enters the chip; chip, dram: the token does, and cores look it up."""
    precision: Literal["fp32", "int8"] = "fp32"
    """Of the table (int8: a scale a word)."""
    cores: Count | None = None
    """Cores that hold the table; default: by expected work."""

    @model_validator(mode="after")
    def _only_its_own(self) -> Self:
        if self.on == "host" and self.cores is not None:
            refuse("cores", "an embedding on the host takes no cores", "embedding.on chip or dram")
        return self


class GenerateSection(Section):
    """How the next token is chosen from the logits."""

    choice: Literal["greedy", "sample", "top_k"] = "greedy"
    """greedy: the largest logit; sample: drawn from the softmax; top_k: from the k largest."""
    k: Count | None = None
    """top_k: words that are drawn from."""
    temperature: Annotated[float, Quantity("number", above=0.0)] | None = None
    """sample, top_k: logits are divided by it; default 1."""

    @model_validator(mode="after")
    def _only_its_own(self) -> Self:
        if self.choice == "greedy" and self.temperature is not None:
            refuse("temperature", "greedy draws nothing", "choice sample or top_k")
        if self.choice != "top_k" and self.k is not None:
            refuse("k", f"belongs to top_k, not to {self.choice}", "choice top_k")
        if self.choice == "top_k" and self.k is None:
            refuse("k", "top_k needs its number of words", "1 to the vocabulary")
        return self


def check_language(whole: Sections) -> dict[str, Any]:
    """Refuse what cannot go together; what is left out and depends on other sections."""
    _check_ends(whole)
    filled: dict[str, Any] = {}
    work = whole.workload
    if whole.mode == "score":
        if work.prompt is not None:
            refuse("workload.prompt", "belongs to mode: generate", "mode: generate, or text")
        if whole.generate is not None:
            refuse("generate", "belongs to mode: generate", "mode: generate")
    else:
        _check_generate(whole)
        filled["generate"] = whole.generate or GenerateSection()
        filled["decoder"] = whole.decoder or DecoderSection()
    prompts = work.prompt or []
    if len(prompts) > 1 and whole.streams not in (None, len(prompts)):
        refuse("streams", f"is {whole.streams}, but workload.prompt lists {len(prompts)} texts",
               f"{len(prompts)}, or one text for all")
    if work.traffic is not None and whole.streams not in (None, 1):
        refuse("streams", "traffic without a network has no streams", "1")
    if whole.streams is None:
        filled["streams"] = max(1, len(prompts))
    return filled


def _check_generate(whole: Sections) -> None:
    work = whole.workload
    if whole.network is None or whole.network.model is None:
        refuse("mode", "only a trained model generates: it needs a vocabulary", "network.model")
    for key in ("text", "tokens", "inputs"):
        if getattr(work, key) is not None:
            refuse(f"workload.{key}", "generate begins with workload.prompt", "workload.prompt")
    if work.prompt is None:
        refuse("workload.prompt", "is missing", "a text to begin with")
    if work.steps is None:
        refuse("workload.steps", "is missing", "how many tokens to generate")
    if work.start:
        refuse("workload.start", "a prompt is used from its beginning", "0")
    if work.evaluate_tokens is not None:
        refuse("workload.evaluate_tokens", "generated text has no task to evaluate",
               "mode: score")
    if whole.sync.kind == "tick":
        refuse("sync.kind", "under a tick the next token would enter before it was chosen",
               "barrier or dataflow")


def _check_ends(whole: Sections) -> None:
    """Decoder, embedding and input against the network and the workload."""
    network, work, decoder = whole.network, whole.workload, whole.decoder
    if network is None:
        if decoder is not None:
            refuse("decoder", "traffic without a network has no decoder", "network.model")
        if whole.embedding.on != "host":
            refuse("embedding.on", "traffic without a network has no embedding", "host")
        return
    made = network.synthetic is not None
    if decoder is not None and made:
        refuse("decoder", "a synthetic network has no decoder", "network.model")
    if decoder is not None and network.fire == "always" and decoder.precision == "int8":
        refuse("decoder.precision", "int8 events are unsigned, but units that always fire also "
               "send negative values", "fp32")
    if whole.embedding.on != "host":
        if made or work.inputs is not None:
            refuse("embedding.on", "dense inputs do not pass an embedding",
                   "host, or workload.text, tokens or prompt")
        if whole.host.input == "currents":
            refuse("host.input", "the host multiplies currents out of the embedding, which is "
                   f"{'on the chip' if whole.embedding.on == 'chip' else 'in DRAM'}",
                   "packets, or embedding.on host")
    if whole.embedding.precision == "int8" and (made or work.inputs is not None):
        refuse("embedding.precision", "dense inputs do not pass an embedding", "fp32")
    if decoder is not None and decoder.on != "host" and whole.sync.kind == "tick":
        refuse("decoder.on", "under a tick the results of a late step would meet the next's",
               "host, or sync barrier or dataflow")
