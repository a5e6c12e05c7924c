"""A network of recurrent branches over a stream: chunks that carry state forwards and look ahead backwards."""

from collections.abc import Sequence

import attrs
import torch
from torch import Tensor

from peanut.networks.bidirectional import Bidirectional, State

Features = dict[str, Tensor]


@attrs.define(eq=False)
class _Seen:
    """A picture in the window, with what is computed for it once."""

    image: Tensor
    spatial: Tensor
    to_previous: Tensor | None = None
    to_next: Tensor | None = None


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

    chunk: pictures that come out together; None: all at once, as published. memory: a chain of forward branches that
    would reach back further than this from a chunk's first picture begins anew; None: never. fade: pictures over which
    the old chain is then blended into the new.
    Holds: chunk + lookahead pictures, with their flows and features.
    """

    def __init__(
        self, network: Bidirectional, chunk: int | None, lookahead: int, memory: int | None, fade: int
    ) -> None:
        self.network, self.chunk, self.lookahead, self.memory, self.fade = network, chunk, lookahead, memory, fade
        self._window: list[_Seen] = []
        self._newest: _Seen | None = None
        self._chain: _Chain = _Chain()
        self._old: _Chain | None = None
        directions = [branch.startswith("backward") for branch in network.branches]
        self._first_forward, self._last_backward = (
            directions.index(False),
            len(directions) - 1 - directions[::-1].index(True),
        )

    @torch.no_grad()
    def push(self, image: Tensor) -> list[Tensor]:
        """The next picture; gives the pictures that are finished, in order."""
        seen = _Seen(image, self.network.encode(image))
        if self._newest is not None:
            self._newest.to_next, seen.to_previous = self.network.flows(self._newest.image, image)
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
        if self.memory is not None and self._chain.age > self.memory:
            self._old, self._chain = (self._chain if self.fade else None), _Chain()
        features: list[Features] = [{"spatial": seen.spatial} for seen in self._window]
        self._propagate(self._chain, features, length, range(self._first_forward))
        fading = min(length, self.fade - self._chain.age) if self._old is not None else 0
        overlaid = [dict(own) for own in features[: fading + self.lookahead]]
        out = self._rest(self._chain, features, length)
        if self._old is not None:
            for place, old in enumerate(self._rest(self._old, overlaid, fading)):
                share = (self._chain.age + place + 1) / (self.fade + 1)
                out[place] = torch.lerp(old, out[place], share)
        self._chain.age += length
        if self._chain.age >= self.fade:
            self._old = None
        del self._window[:length]
        return out

    def _rest(self, chain: _Chain, features: list[Features], length: int) -> list[Tensor]:
        """What follows the first backward branches: the finished pictures of the first `length`."""
        self._propagate(chain, features, length, range(self._first_forward, len(self.network.branches)))
        pairs = zip(self._window[:length], features, strict=False)
        return [self.network.reconstruct(seen.image, own) for seen, own in pairs]

    def _propagate(self, chain: _Chain, features: list[Features], length: int, places: Sequence[int]) -> None:
        """Run some branches over the window, all but the first `length` pictures of it being look-ahead."""
        window, network = self._window[: len(features)], self.network
        to_previous, to_next = [seen.to_previous for seen in window], [seen.to_next for seen in window]
        for place in places:
            branch = network.branches[place]
            if branch.startswith("backward"):
                propagated = network.propagate(branch, features[::-1], to_next[::-1])[0][::-1]
            else:
                state = chain.states.get(branch)
                propagated, state = network.propagate(branch, features[:length], to_previous[:length], state)
                chain.states[branch] = state
                if place < self._last_backward:  # provisional: not what the state goes on from
                    propagated += network.propagate(branch, features[length:], to_previous[length:], state)[0]
            for own, feature in zip(features, propagated, strict=False):
                own[branch] = feature
