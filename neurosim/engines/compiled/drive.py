"""Runs the compiled loop in pieces, so that Python sees Ctrl-C, progress and full tables."""

from __future__ import annotations

from neurosim.engines.compiled import layout as at
from neurosim.engines.compiled import state as st
from neurosim.engines.compiled.first_use import once
from neurosim.engines.compiled.result import outcome
from neurosim.engines.outcome import Outcome, Watcher
from neurosim.image import Counters, Image

#: Decisions between two looks at the outside: some tens of milliseconds.
_PIECE = 200_000


def run(
    image: Image,
    want_trace: bool = False,
    shuffle: int | None = None,
    progress: Watcher | None = None,
) -> Outcome:
    """Simulate ``image`` to its end.

    Args:
        want_trace: keep all records.
        shuffle: for the signature of engines: nothing here depends on an order of parts.
        progress: called now and then; ends the run when it returns True.

    Raises:
        SimulationError: what this engine does not cover (:func:`.state.check`).
    """
    result = _run(image, want_trace, progress, careful=False)
    if result is None:
        # A sum overflowed.  Jobs were taken together that end at different ticks; counters up to
        # the tick of the overflow need them one by one.
        result = _run(image, want_trace, progress, careful=True)
    assert result is not None
    return result


def _run(image: Image, want_trace: bool, progress: Watcher | None,
         careful: bool) -> Outcome | None:
    from neurosim.engines.compiled.loop import advance, first_wakes

    counters = Counters.empty(image)
    state = st.build(image, counters, want_trace, careful)
    with once("trace" if want_trace else "bare"):
        compile_for(state, image)
    first_wakes(state.words, state.tables, state.trace)
    status, events, interrupted = at.AGAIN, 0, False
    while status != at.DONE and not interrupted:
        status = advance(state.words, state.tables, state.data, state.trace, _PIECE)
        if status == at.MORE_CELLS:
            st.grow_cells(state, len(state.words) // at.CELL)
        elif status == at.MORE_RECORDS:
            st.grow_trace(state)
        elif status == at.MORE_REPORTS:
            st.grow_reports(state)
        elif progress is not None:
            events += _PIECE
            now = int(state.words[at.H_NOW]) * state.tables.grid
            interrupted = bool(progress(steps_done(state, image), now, events))
    if interrupted:
        state.words[at.H_LAST] = state.words[at.H_NOW]
    elif state.words[at.H_OVERFLOW] >= 0 and not state.tables.careful:
        return None
    settle_down(state, image)
    assert state.words[at.H_BROKEN] == 0, "credits on their way overran their ring"
    return outcome(state, image, counters, interrupted)


def compile_for(state: st.State, image: Image) -> None:
    """Have everything compiled that this run calls, without simulating anything."""
    from neurosim.engines.compiled.loop import advance, first_wakes, settle

    advance(state.words, state.tables, state.data, state.trace, 0)
    settle(state.words, state.tables, state.data, state.trace, image.n_sources)
    first_wakes(state.words, state.tables._replace(sync_part=0), state.trace)


def settle_down(state: st.State, image: Image) -> None:
    """Count what landed until the end."""
    from neurosim.engines.compiled.loop import settle

    source = settle(state.words, state.tables, state.data, state.trace, 0)
    while source < image.n_sources:
        st.grow_trace(state)
        source = settle(state.words, state.tables, state.data, state.trace, source)


def steps_done(state: st.State, image: Image) -> int:
    """Steps that a core of the last layer has finished."""
    first = state.tables.step_layer
    done = state.words[first: first + image.steps * image.n_layers]
    return int((done[image.n_layers - 1:: image.n_layers] >= 0).sum()) if image.steps else 0


def warm() -> None:
    """Compile the engine, or find it compiled: nothing is left for the first run to wait for."""
    from neurosim.engines.compiled.first_use import nothing

    for want_trace in (False, True):
        run(nothing(), want_trace)
