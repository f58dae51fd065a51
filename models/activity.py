"""Activity as a constraint of training: every member's mean event rate is held at its target.

The loss of a member is mean nats + price * activity, where activity is the mean over all units of
all layers, sequences and steps of [c > thr]; its gradient enters through `models.cells.reach`.  The
price is the constraint's Lagrange multiplier, one number a member, found while training: it rises
while activity is above its target and falls, below 0 if need be, while it is under it.  One price
for all layers lets training put events where they are worth most.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from models.ensemble import Ensemble

#: Updates between two corrections of the prices.
EVERY = 50
#: Correction: a proportional part, and a part that adds up, each times the logarithm of activity
#: over target (at most 1 either way), in units of max(|price|, SMALL) nats.  INTEGRAL lets a price
#: far off grow by e in 50 / 0.06 = 830 updates, slower than a network's activity follows its
#: price, so that it hardly overshoots: units that fell silent for good do not come back.
PROPORTIONAL, INTEGRAL, SMALL = 0.5, 0.06, 0.25
#: Largest price either way, so that an unreachable target leaves something that still learns.
MOST = 20.0


class Steering:
    """Counts events on the device and sets what they cost; see the module's text.

    Args:
        models: `Ensemble.price` [M] is the part that adds up and stays with the members from
            stage to stage; `Units.pull` is written in place, so a recorded CUDA graph sees it.
        positions: unit-steps a unit has in an update (window times batch).
    """

    def __init__(self, models: Ensemble, positions: int) -> None:
        self.models, self.positions = models, positions
        device, members = models.device, models.members
        self.size = sum(models.layers)
        self.events = torch.zeros(len(members), device=device)
        self.activity = torch.zeros(len(members), device=device)
        target = torch.tensor([m.activity_target for m in members], device=device)
        self.steered = target > 0.0
        self.target = torch.where(self.steered, target, torch.ones_like(target))
        self.set_price(models.price)

    def count(self, states: Sequence[Tensor]) -> None:
        """Add an update's events from every layer's c [M, T, B, H]; padding never fires."""
        for c, units in zip(states, self.models.units, strict=True):
            above = (c > units.thr[:, None, None]).sum((1, 2, 3)).to(self.events.dtype)
            self.events += above / (self.positions * self.size)

    def steer(self, share: float, updates: int = EVERY) -> None:
        """Correct the prices by what was counted in the last ``updates``.

        share: learning rate over the stage's own.  A network that learns slowly follows slowly and
        must be steered more slowly; the root keeps both the lag and the overshoot small.
        """
        self.activity.copy_(self.events / updates)
        self.events.zero_()
        wrong = (self.activity.clamp(min=1e-6) / self.target).log().clamp(-1.0, 1.0)
        wrong = torch.where(self.steered, wrong, torch.zeros_like(wrong))
        price = self.models.price
        scale = price.abs().clamp(min=SMALL)
        price.add_(math.sqrt(share) * INTEGRAL * wrong * scale).clamp_(-MOST, MOST)
        self.set_price(price + PROPORTIONAL * wrong * scale)

    def set_price(self, price: Tensor) -> None:
        """Nats that an activity of 1 costs each member, [M]."""
        for units, real in zip(self.models.units, self.models.layers, strict=True):
            assert units.pull is not None
            units.pull[:, :real] = (price / (self.positions * self.size))[:, None]
