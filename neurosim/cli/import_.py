"""``neurosim import``: a PyTorch checkpoint to a model file, once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def import_(
    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="PyTorch checkpoint.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT", help="Model file (.safetensors).")
    ],
    sidecar: Annotated[
        Path | None,
        typer.Option(metavar="JSON", help="What the checkpoint does not say: vocabulary, ..."),
    ] = None,
    dense: Annotated[bool, typer.Option("--dense", help="Store full matrices, not CSR.")] = False,
) -> None:
    """Convert an EGRU checkpoint of the official layout; tensors only, no code is unpickled."""
    from neurosim.cli.output import read_json
    from neurosim.errors import Location, UserError
    from neurosim.network.checkpoint import import_checkpoint

    notes = read_json(sidecar) if sidecar is not None else None
    try:
        network = import_checkpoint(checkpoint, output, notes, sparse=not dense)
    except UserError as error:
        place = sidecar if error.key.startswith("sidecar") and sidecar else checkpoint
        raise error.at(Location(place, 1, 1)) from None
    layers = ", ".join(str(layer.units) for layer in network.layers)
    print(f"{output}: {len(network.layers)} layers of {layers} units")
