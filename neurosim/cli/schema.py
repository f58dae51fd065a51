"""``neurosim schema``: the scenario file's JSON Schema, for editors."""

from __future__ import annotations


def schema() -> None:
    """Print the JSON Schema of scenario files."""
    import json

    from neurosim.scenario import json_schema
    from neurosim.sweep.schema import json_schema as sweep_schema

    schema, block = json_schema(), sweep_schema()
    schema["$defs"].update(block.pop("$defs"))
    schema["properties"]["sweep"] = block
    print(json.dumps(schema, indent=2))
