"""Events of a timeline as JSON text, and the names of its tracks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from neurosim import image as im
from neurosim.explain.places import Places

#: Process numbers: steps 1, synchroniser 2, host 3, tiles from here on, then DRAM.
_STEPS, _SYNC, _HOST, _TILE = 1, 2, 3, 4
#: Names of one job or several, by a bit for each.
_JOB_NAMES = [", ".join(job for bit, job in enumerate(im.JOBS) if kinds >> bit & 1)
              for kinds in range(1 << len(im.JOBS))]
_KINDS = ("event", "marker", "acknowledgement", "traffic", "result", "currents")

Track = tuple[int, int]
Packet = tuple[int, int]


class Text:
    """Texts for one machine; times are whole nanoseconds."""

    def __init__(self, places: Places) -> None:
        self.places, self.image = places, places.image
        image = self.image
        self.router = np.full(image.sync_part + 1, -1, np.int64)
        self.router[: image.n_routers] = np.arange(image.n_routers)
        ends = np.concatenate([np.arange(image.first_core, image.first_port),
                               np.arange(image.first_source, image.sync_part)])
        self.router[ends] = image.ch_part[image.injection_channel(ends)]

    def ns(self, tick: np.ndarray) -> np.ndarray:
        return np.rint(tick * (1e9 / self.image.tick_hz)).astype(np.int64)

    def track(self, part: int) -> Track:
        """(pid, tid) of a part's jobs."""
        if part >= self.image.first_host:
            return _HOST, 1
        return _TILE + int(self.router[part]), 1 + part

    def channel_track(self, channel: int) -> Track:
        owner = int(self.image.ch_owner[channel])
        return _TILE + owner, 2 + self.image.sync_part + channel

    # --- events

    def job(self, part: int, kinds: int, begin: int, end: int, step: int, ticks: int, jobs: int,
            packet: Packet | None) -> str:
        pid, tid = self.track(part)
        more = ""
        if jobs > 1:
            more = f',"jobs":{jobs}'
        elif packet is not None:
            more = f',"packet":"{packet[0]}.{packet[1]}"'
        return (f'{{"ph":"X","name":"{_JOB_NAMES[kinds]}","pid":{pid},"tid":{tid},'
                f'"ts":{_us(begin)},"dur":{_us(end - begin)},"args":{{"step":{step},'
                f'"ticks":{ticks}{more}}}}}')

    def grant(self, channel: int, kind: int, begin: int, end: int, step: int,
              packet: Packet) -> str:
        pid, tid = self.channel_track(channel)
        return (f'{{"ph":"X","name":"{_KINDS[kind]}","pid":{pid},'
                f'"tid":{tid},"ts":{_us(begin)},"dur":{_us(end - begin)},"args":{{"step":'
                f'{step},"packet":"{packet[0]}.{packet[1]}"}}}}')

    def serve(self, port: int, core: int, begin: int, end: int, step: int, n_bytes: int) -> str:
        return (f'{{"ph":"X","name":"for core {self.places.core(core)}","pid":'
                f'{_TILE + self.image.n_routers},"tid":{1 + port - self.image.first_port},'
                f'"ts":{_us(begin)},"dur":{_us(end - begin)},"args":{{"step":{step},'
                f'"bytes":{n_bytes}}}}}')

    def flow(self, track: Track, number: int, end: int, time: int) -> str:
        phase = "s" if end < 0 else 'f","bp":"e' if end > 0 else "t"
        return (f'{{"ph":"{phase}","name":"packet","cat":"packet","id":{number},'
                f'"pid":{track[0]},"tid":{track[1]},"ts":{_us(time)}}}')

    def fifo(self, part: int, time: int, depth: int) -> str:
        return (f'{{"ph":"C","name":"FIFO of core {self.places.core(part)}","pid":'
                f'{_TILE + self.router[part]},"ts":{_us(time)},"args":{{"packets":{depth}}}}}')

    def step(self, step: int, begin: int, end: int) -> Iterator[str]:
        for phase, time in (("b", begin), ("e", end)):
            yield (f'{{"ph":"{phase}","name":"step {step}","cat":"step","id":{step},'
                   f'"pid":{_STEPS},"tid":1,"ts":{_us(time)}}}')

    def barrier(self, begin: int, end: int, superstep: int) -> str:
        return (f'{{"ph":"X","name":"barrier","pid":{_SYNC},"tid":1,"ts":{_us(begin)},'
                f'"dur":{_us(end - begin)},"args":{{"superstep":{superstep}}}}}')

    def loads(self, load: np.ndarray, begin: int, width: int) -> Iterator[str]:
        """Share of each stretch of time that every link is busy: one counter a tile."""
        image = self.image
        links = image.ch_port[: image.n_outputs] >= 0
        times = self.ns(begin + np.arange(len(load) - 1) * width).tolist()
        for router in range(image.n_routers):
            mine = np.flatnonzero(links[image.out_ptr[router]: image.out_ptr[router + 1]])
            mine = mine + image.out_ptr[router]
            if not load[:, mine].any():
                continue
            names = [self.places.label(self.places.first_channel + c).split(" to ")[-1]
                     for c in mine.tolist()]
            for time, values in zip(times, load[:, mine].tolist(), strict=False):
                shares = dict(zip(names, [round(min(v, 1.0), 4) for v in values], strict=True))
                yield (f'{{"ph":"C","name":"link load","pid":{_TILE + router},"ts":{_us(time)},'
                       f'"args":{json.dumps(shares)}}}')

    # --- names

    def names(self) -> Iterator[str]:
        """Names of all processes and threads."""
        image = self.image
        yield from _name(_STEPS, "steps", {1: "steps"})
        yield from _name(_SYNC, "synchroniser", {1: "barrier"})
        decides = " and decides" if image.decode else ""
        yield from _name(_HOST, "host", {1: f"host sends{decides}"})
        for router in range(image.n_routers):
            x, y = self.places.router_xy[router]
            threads: dict[int, str] = {}
            mine = np.flatnonzero(self.router[image.first_core: image.first_host] == router)
            for part in (mine + image.first_core).tolist():
                threads[1 + part] = self._core_name(part)
            for channel in range(int(image.out_ptr[router]), int(image.out_ptr[router + 1])):
                to = self.places.label(self.places.first_channel + channel).split(" to ")[-1]
                threads[self.channel_track(channel)[1]] = f"to {to}"
            yield from _name(_TILE + router, f"tile ({x},{y})", threads)

        if image.n_ports:
            yield from _name(_TILE + image.n_routers, "DRAM", {
                1 + port: f"memory port {port}" for port in range(image.n_ports)})

    def _core_name(self, part: int) -> str:
        if part >= self.image.first_source:
            return f"source {part - self.image.first_source}"
        layer = int(self.image.core_stage[part - self.image.first_core]) - 1
        return f"core {self.places.core(part)}, layer {layer}"


def _name(pid: int, process: str, threads: dict[int, str]) -> Iterator[str]:
    def metadata(what: str, tid: int, args: dict[str, Any]) -> str:
        return json.dumps({"ph": "M", "name": what, "pid": pid, "tid": tid, "args": args})

    yield metadata("process_name", 0, {"name": process})
    yield metadata("process_sort_index", 0, {"sort_index": pid})
    for tid, name in threads.items():
        yield metadata("thread_name", tid, {"name": name})
        yield metadata("thread_sort_index", tid, {"sort_index": tid})


def _us(ns: int) -> str:
    """Nanoseconds as the format's microseconds, exactly."""
    return f"{ns // 1000}.{ns % 1000:03d}"
