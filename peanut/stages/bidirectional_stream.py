"""A network of recurrent branches over a stream: chunks that carry state forwards and look ahead backwards."""

from typing import Literal

import attrs
import torch
from torch import Tensor

from peanut.networks.bidirectional import Bidirectional, State

MOVES = 0.35
"""Pixels per frame, of the features, that a pixel moves in the mean, what is more than one counting as one: above it
states may be carried far."""
MEMORY_MOVING, MEMORY_STILL, MEMORY_STILL_LIVE = 60, 0, 7
"""`memory="auto"`, while the picture moves and while it does not."""
LOOKAHEAD_STILL = 7
"""Pictures of the look-ahead that `memory="auto"` uses while the picture does not move."""


@attrs.define(eq=False)
class _Seen:
    """A picture in the window, with what is computed for it once."""

    image: Tensor
    spatial: Tensor
    to_previous: Tensor | None = None
    to_next: Tensor | None = None
    motion: float = 0.0
    """How far its pixels moved since the picture before, in the mean, none counting as more than one pixel."""


@attrs.define(eq=False)
class _Chain:
    """The forward branches since they last began."""

    states: dict[str, State | None] = attrs.field(factory=dict)
    age: int = 0
    """Pictures since then."""


class BidirectionalStream:
    """Runs a network over the pictures of one shot, pushed one by one: b 3 h w in [0, 1] in, enlarged float32 out.

    The pictures come out in chunks. Forward branches carry their state from chunk to chunk, taken after the last
    picture of the chunk itself. Backward branches begin `lookahead` pictures behind the chunk; what a later branch
    needs of a forward branch there is provisional, and computed again with the next chunk.

    chunk: pictures that come out together; None: all at once, as published. memory: forward branches that would reach
    back further than this from a chunk's first picture begin anew; None: never; "auto": far while the picture moves,
    and while it does not both ways little, as a state that is carried over still pictures drifts. fade: pictures over
    which a chunk goes over into the next, in equal steps: the first ones of the look-ahead, finished provisionally;
    without look-ahead, the first ones after a new beginning, finished from the old state too.
    Holds: chunk + lookahead pictures, with their flows and features, and `fade` enlarged ones.
    """

    def __init__(
        self,
        network: Bidirectional,
        chunk: int | None,
        lookahead: int,
        memory: int | Literal["auto"] | None,
        fade: int,
    ) -> None:
        self.network, self.chunk, self.lookahead, self.memory, self.fade = network, chunk, lookahead, memory, fade
        self._window: list[_Seen] = []
        self._newest: _Seen | None = None
        self._chain = _Chain()
        self._old: _Chain | None = None  # fading out, where there is no look-ahead
        self._provisional: list[Tensor] = []  # by the chunk before, for the first pictures of the window
        self._last_backward = [branch for branch in network.branches if branch.startswith("backward")][-1]

    @torch.no_grad()
    def push(self, image: Tensor) -> list[Tensor]:
        """The next picture; gives the pictures that are finished, in order."""
        seen = _Seen(image, self.network.encode(image))
        if self._newest is not None:
            self._newest.to_next, seen.to_previous = self.network.flows(self._newest.image, image)
            seen.motion = float(seen.to_previous.norm(dim=1).clamp(max=1).mean())
        self._window.append(seen)
        self._newest = seen
        full = self.chunk is not None and len(self._window) == self.chunk + self.lookahead
        return self._finish(self.chunk or 0) if full else []

    @torch.no_grad()
    def flush(self) -> list[Tensor]:
        """The end of the shot: all that is left."""
        out = []
        while self._window:
            out += self._finish(min(self.chunk or len(self._window), len(self._window)))
        return out

    def _finish(self, length: int) -> list[Tensor]:
        """Finish the first `length` pictures of the window."""
        memory, window = self._reach(length)
        if memory is not None and self._chain.age > memory:
            self._old, self._chain = (self._chain if self.lookahead == 0 else None), _Chain()
        beyond = min(self.fade, length, len(window) - length)
        out = self._run(self._chain, window, length, beyond)
        others, first, steps = self._provisional, 1, len(self._provisional) + 1
        if self._old is not None:
            others, first, steps = self._run(self._old, window, length, 0), self._chain.age + 1, self.fade + 1
        for place, other in enumerate(others):
            out[place] = torch.lerp(other, out[place], min((first + place) / steps, 1))
        self._chain.age += length
        if self._chain.age >= self.fade:
            self._old = None
        self._provisional = out[length:]
        del self._window[:length]
        return out[:length]

    def _reach(self, length: int) -> tuple[int | None, list[_Seen]]:
        """How far back states may reach now, and the pictures that backward branches run over."""
        if self.memory != "auto":
            return self.memory, self._window
        if sum(seen.motion for seen in self._window) > MOVES * len(self._window):
            return MEMORY_MOVING, self._window
        still = MEMORY_STILL if self.lookahead else MEMORY_STILL_LIVE
        return still, self._window[: length + LOOKAHEAD_STILL]

    def _run(self, chain: _Chain, window: list[_Seen], length: int, beyond: int) -> list[Tensor]:
        """All branches over a window: the first `length` pictures, finished, and provisionally `beyond` more."""
        network = self.network
        features: list[dict[str, Tensor]] = [{"spatial": seen.spatial} for seen in window]
        to_previous, to_next = [seen.to_previous for seen in window], [seen.to_next for seen in window]
        needed = len(window)  # pictures for which a forward branch must run
        for branch in network.branches:
            if branch.startswith("backward"):
                propagated = network.propagate(branch, features[::-1], to_next[::-1])[0][::-1]
                needed = length + beyond if branch == self._last_backward else needed
            else:
                state = chain.states.get(branch)
                propagated, state = network.propagate(branch, features[:length], to_previous[:length], state)
                chain.states[branch] = state
                ahead = slice(length, needed)  # provisional: not what the state goes on from
                propagated += network.propagate(branch, features[ahead], to_previous[ahead], state)[0]
            for own, feature in zip(features, propagated, strict=False):
                own[branch] = feature
        finished = zip(window[: length + beyond], features, strict=False)
        return [network.reconstruct(seen.image, own) for seen, own in finished]
