"""A network of recurrent branches over a stream: chunks that carry state forwards and look ahead backwards."""

from collections.abc import Mapping
from typing import Literal

import attrs
import torch
import torch.nn.functional as F
from torch import Tensor

from peanut.networks.bidirectional import Bidirectional, State

MOVES = 0.35
"""Mean motion, in pixels per frame, from which on states may be carried far; measured: docs/ur-net.md."""
CARRY_MOVING, CARRY_STILL_LIVE = 60, 7
"""`carry="auto"`, in frames, while the image moves and while it does not; measured: docs/ur-net.md."""
CHUNK_STILL = LOOKAHEAD_STILL = 7
"""Longest chunk and look-ahead, in frames, of `carry="auto"` while the image is still; measured: docs/ur-net.md."""
TOLERANCE = 1.1
"""Highest reconstruction error of far-carried states, over that of new ones; measured: docs/ur-net.md."""


@attrs.define(eq=False)
class _WindowFrame:
    """A frame in the window, with what is computed for it once."""

    image: Tensor
    spatial: Tensor
    to_previous: Tensor | None = None
    to_next: Tensor | None = None
    motion: float = 0.0
    """How far its pixels moved since the frame before, in the mean, none counting as more than one pixel."""


@attrs.frozen(eq=False)
class _Chain:
    """The forward branches since they last began."""

    states: Mapping[str, State | None] = attrs.field(factory=dict)
    age: int = 0
    """Frames since then."""


@attrs.frozen(eq=False)
class _Reach:
    """How a chunk is computed."""

    length: int
    """Its frames."""
    carry: int | None
    window: list[_WindowFrame]
    """The frames that backward branches run over: its own, and what of the look-ahead is used."""
    far: bool = False
    """Whether the image moves and states may be carried far; never unless carry is "auto"."""


class BidirectionalStream:
    """Runs a network over the images of one shot, pushed one by one: b 3 h w in [0, 1] in, enlarged float32 out.

    They come out in chunks. Forward branches carry their state from chunk to chunk, taken after the last frame of the
    chunk itself. Backward branches begin `lookahead` frames behind the chunk; what a later branch needs of a forward
    branch there is provisional, and computed again with the next chunk.

    chunk: frames that come out together; None: all at once, as published. carry: forward branches that would reach
    back further than this from a chunk's first frame begin anew; None: never; "auto": far while the image moves, and
    while it does not both ways little, as a state that is carried over still images drifts; one that comes from moving
    images goes on until its reconstruction error exceeds that of a new one. fade: frames over
    which a chunk goes over into the next, in equal steps: the first ones of the look-ahead, finished provisionally;
    without look-ahead, the first ones after a new beginning, finished from the old state too.
    Holds: chunk + lookahead frames, with their flows and features, and `fade` enlarged ones.
    """

    def __init__(
        self,
        network: Bidirectional,
        chunk: int | None,
        lookahead: int,
        carry: int | Literal["auto"] | None,
        fade: int,
    ) -> None:
        self.network, self.chunk, self.lookahead, self.fade = network, chunk, lookahead, fade
        self.carry = None if chunk is None else carry  # all at once: nothing is carried
        self._window: list[_WindowFrame] = []
        self._newest: _WindowFrame | None = None
        self._chain = _Chain()
        self._far = False  # whether its states were carried far
        self._old: _Chain | None = None  # fading out, where there is no look-ahead
        self._provisional: list[Tensor] = []  # by the chunk before, for the first frames of the window
        self._last_backward = [branch for branch in network.branches if branch.startswith("backward")][-1]

    @torch.no_grad()
    def push(self, image: Tensor) -> list[Tensor]:
        """The next image; gives those that are finished, in order."""
        newest = _WindowFrame(image, self.network.encode(image))
        if self._newest is not None:
            self._newest.to_next, newest.to_previous = self.network.flows(self._newest.image, image)
            newest.motion = float(newest.to_previous.norm(dim=1).clamp(max=1).mean())
        self._window.append(newest)
        self._newest = newest
        if self.chunk is None or len(self._window) < self.chunk + self.lookahead:
            return []
        out: list[Tensor] = []
        while len(out) < self.chunk:
            out += self._finish(self.chunk - len(out))
        return out

    @torch.no_grad()
    def flush(self) -> list[Tensor]:
        """The end of the shot: all that is left."""
        out = []
        while self._window:
            out += self._finish(min(self.chunk or len(self._window), len(self._window)))
        return out

    def _finish(self, most: int) -> list[Tensor]:
        """Finish the first frames of the window, `most` or, while the image does not move, fewer."""
        reach, age, out = self._computed(most)
        others, first, steps = self._provisional, 1, len(self._provisional) + 1
        if self._old is not None:
            self._old, others = self._run(self._old, reach)
            first, steps = age + 1, self.fade + 1
        for place, other in enumerate(others):
            out[place] = torch.lerp(other, out[place], min((first + place) / steps, 1))
        if self._chain.age >= self.fade:
            self._old = None
        self._provisional = out[reach.length :]
        del self._window[: reach.length]
        return out[: reach.length]

    def _computed(self, most: int) -> tuple[_Reach, int, list[Tensor]]:
        """The next chunk, how many frames its states reach back, and its images with those to fade.

        Where a state was carried far and the image now is still, it goes on while its reconstruction error is low.
        """
        reach, before, far = self._reach(most), self._chain, self._far
        begins = reach.carry is not None and before.age > reach.carry
        chain = _Chain() if begins else before
        self._chain, out = self._run(chain, reach)
        self._far = reach.far
        if far and not reach.far and before.age <= CARRY_MOVING:
            further = _Reach(most, CARRY_MOVING, self._window, far=True)
            carried, other = self._run(before, further)
            far_error, error = (self._reconstruction_error(each, reach.length) for each in (other, out))
            if far_error < TOLERANCE * error:
                self._chain, self._far = carried, True
                return further, before.age, other
        if begins and not self.lookahead:
            self._old = before
        return reach, chain.age, out

    def _reach(self, most: int) -> _Reach:
        """How far states may reach now."""
        if self.carry != "auto":
            return _Reach(most, self.carry, self._window)
        if sum(frame.motion for frame in self._window) > MOVES * len(self._window):
            return _Reach(most, CARRY_MOVING, self._window, far=self.lookahead > 0)
        if not self.lookahead:
            return _Reach(most, CARRY_STILL_LIVE, self._window)
        usual = min(self.chunk or CHUNK_STILL, CHUNK_STILL)
        length, ahead = min(most, usual), min(self.lookahead, LOOKAHEAD_STILL)
        window = self._window[: length + ahead]
        return _Reach(length, usual + ahead - len(window), window)  # at the end of a shot the past makes up for it

    def _reconstruction_error(self, finished: list[Tensor], length: int) -> float:
        """The mean square difference of the first finished images, reduced to the size of the input, from the input."""
        total = 0.0
        for frame, image in zip(self._window[:length], finished, strict=False):
            small = F.interpolate(image, frame.image.shape[-2:], mode="bicubic", antialias=True)
            total += float((small - frame.image).square().mean())
        return total

    def _run(self, chain: _Chain, reach: _Reach) -> tuple[_Chain, list[Tensor]]:
        """All branches over a chunk and its look-ahead: where they then stand, and its images with those to fade."""
        length, window = reach.length, reach.window
        beyond, states = min(self.fade, length, len(window) - length), dict(chain.states)
        network = self.network
        features: list[dict[str, Tensor]] = [{"spatial": frame.spatial} for frame in window]
        to_previous, to_next = [frame.to_previous for frame in window], [frame.to_next for frame in window]
        needed = len(window)  # frames for which a forward branch must run
        for branch in network.branches:
            if branch.startswith("backward"):
                propagated = network.propagate(branch, features[::-1], to_next[::-1])[0][::-1]
                needed = length + beyond if branch == self._last_backward else needed
            else:
                state = states.get(branch)
                propagated, state = network.propagate(branch, features[:length], to_previous[:length], state)
                states[branch] = state
                ahead = slice(length, needed)  # provisional: not what the state goes on from
                propagated += network.propagate(branch, features[ahead], to_previous[ahead], state)[0]
            for own, feature in zip(features, propagated, strict=False):
                own[branch] = feature
        finished = zip(window[: length + beyond], features, strict=False)
        return _Chain(states, chain.age + length), [network.reconstruct(frame.image, own) for frame, own in finished]
