"""Runs the compiled loop in pieces, so that Python sees Ctrl-C, progress and full tables."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neurosim.engines.compiled import layout as at
from neurosim.engines.compiled import state as st
from neurosim.engines.compiled.first_use import once
from neurosim.engines.compiled.recording import Recording
from neurosim.engines.compiled.result import last_tick, outcome
from neurosim.engines.outcome import Chosen, Outcome, Sink, Watcher
from neurosim.image import Counters, Image

#: Decisions between two looks at the outside: some tens of milliseconds.
_PIECE = 200_000


def run(
    image: Image,
    want_trace: bool = False,
    shuffle: int | None = None,
    progress: Watcher | None = None,
    sink: Sink | None = None,
    chosen: Chosen | None = None,
) -> Outcome:
    """Simulate ``image`` to its end.

    Args:
        want_trace: keep all records.
        shuffle: for the signature of engines: nothing here depends on an order of parts.
        progress: called now and then; ends the run when it returns True.
        sink: takes the records, in blocks, while the run goes on; then none are kept.
        chosen: called with (step, token) of every token that is chosen, in order.

    Raises:
        SimulationError: what this engine does not cover (:func:`.state.check`).
    """
    tell = _Tell(chosen)
    result, handed = _run(image, want_trace, progress, sink, tell)
    if result is None:
        # A sum overflowed.  Jobs were taken together that end at different ticks; counters up to
        # the tick of the overflow need them one by one.
        result, _ = _run(image, want_trace, progress, sink, tell, careful=True, skip=handed)
    assert result is not None
    return result


class _Tell:
    """Passes on tokens as they are decided, each once."""

    def __init__(self, chosen: Chosen | None) -> None:
        self.chosen, self.told = chosen, 0

    def __call__(self, tokens: np.ndarray, decided: int) -> None:
        while self.chosen is not None and self.told < decided:
            self.told += 1
            self.chosen(self.told - 1, int(tokens[self.told - 1]))


def _run(image: Image, want_trace: bool, progress: Watcher | None, sink: Sink | None,
         tell: _Tell, careful: bool = False, skip: int = 0) -> tuple[Outcome | None, int]:
    """The outcome, and how many records went to the sink; no outcome: it must be a careful run."""
    from neurosim.engines.compiled.loop import advance, count_offers, first_wakes

    counters = Counters.empty(image)
    tracing = want_trace or sink is not None
    state = st.build(image, counters, tracing, careful)
    recording = Recording(state, image, sink, skip) if tracing else None
    with once(("trace" if tracing else "bare") + ("" if state.data.rare is None else "-rare")):
        compile_for(state, image, recording)
    first_wakes(state.words, state.tables, state.data)
    status, events, interrupted = at.AGAIN, 0, False
    while status != at.DONE and not interrupted:
        status = advance(state.words, state.tables, state.data, state.trace, _PIECE)
        tell(counters.chosen, int(state.words[at.H_DECIDED]))
        if status == at.MORE_CELLS:
            st.grow_cells(state, len(state.words) // at.CELL)
        elif status == at.MORE_RECORDS:
            settle_until(state, int(state.words[at.H_NOW]))
            assert recording is not None
            recording.take(state, int(state.words[at.H_BEFORE]))
        elif status == at.MORE_REPORTS:
            st.grow_reports(state)
        elif progress is not None:
            events += _PIECE
            now = int(state.words[at.H_NOW]) * state.tables.grid
            interrupted = bool(progress(steps_done(state, image), now, events))
    if interrupted:
        state.words[at.H_LAST] = state.words[at.H_NOW]
    elif state.words[at.H_OVERFLOW] >= 0 and not state.tables.careful:
        return None, 0 if recording is None else recording.count
    trace = None
    if recording is not None:
        settle_until(state, int(state.words[at.H_NOW]))
        recording.take(state, min(int(state.words[at.H_BEFORE]), last_tick(state) + 1))
    if state.words[at.H_LAST] < at.NEVER:
        settle_until(state, int(state.words[at.H_LAST]))
    if recording is not None:
        recording.take(state, last_tick(state) + 1)
        trace = recording.whole()
    count_offers(state.words, state.tables, state.data)
    assert state.words[at.H_BROKEN] == 0, "credits on their way overran their ring"
    return outcome(state, image, counters, interrupted, trace), 0


def compile_for(state: st.State, image: Image, recording: Recording | None) -> None:
    """Have everything compiled that this run calls, without simulating anything."""
    from neurosim.engines.compiled.loop import advance, count_offers, first_wakes, settle

    nobody = state.tables._replace(sync_part=0, n_sources=0)
    advance(state.words, state.tables, state.data, state.trace, 0)
    settle(state.words, nobody, state.data, state.trace, 0)
    first_wakes(state.words, nobody, state.data)
    count_offers(state.words, nobody, state.data)
    if recording is not None:
        recording.take(state, 0)


def settle_until(state: st.State, until: int) -> None:
    """Have all records written up to a tick, and count what landed until then."""
    from neurosim.engines.compiled.loop import settle

    while not settle(state.words, state.tables, state.data, state.trace, until):
        # More room behind a block for offers; blocks themselves stay as they are.
        t = state.tables
        state.tables = t._replace(record_margin=t.record_margin + t.records)
        st.make_room(state, t.records - t.record_margin)


def steps_done(state: st.State, image: Image) -> int:
    """Steps that a core of the last layer has finished."""
    first = state.tables.step_layer
    done = state.words[first: first + image.steps * image.n_layers]
    return int((done[image.n_layers - 1:: image.n_layers] >= 0).sum()) if image.steps else 0


def warm() -> None:
    """Compile the engine, or find it compiled: nothing is left for the first run to wait for."""
    from neurosim.engines.compiled.first_use import nothing

    for image in (nothing(), replace(nothing(), vc_step=1)):  # usual routers, and unusual ones
        for want_trace in (False, True):
            run(image, want_trace)
