"""The mask detector: which clips have masks that would mislead, and why."""

from collections.abc import Iterator

import attrs
import cv2

from peanut.data.clip import Clip
from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.pipeline import FrameStage, Pipeline
from peanut.test_set.alignment import Alignment
from peanut.test_set.following import Following, Identity, tolerant_j
from peanut.test_set.measure import lasting, mean, median
from peanut.test_set.view import View, is_annotated, reduced_mask, views
from peanut.vision.array import Array
from peanut.vision.morphology import components

LEAST, MOST = 0.0005, 0.6
"""Shares of the image between which what is masked must lie: a spot of 11 x 11 pixels in 480 lines, and more than half
with room to see what is behind it."""
OFTEN = 0.1
"""Share of the views in which a mask may lose its object; two views at least."""
BESIDE, GAIN = 0.1, 0.25
"""An outline is wrong if the difference across it is larger by a quarter, at least a tenth of the mask's side away."""
SPECKS = 0.2
"""Share of a mask that may lie outside its three largest parts."""
AGREE = 0.5
"""J with a second finder from which on both mean the same."""
SURE = 0.2
"""Confidence of the second finder, as the default of `MovingObjects(min_confidence=)`."""
SMALLEST = 64
"""Pixels of a view below which the outline of a mask says nothing."""


@attrs.frozen(kw_only=True)
class Checked:
    """What was measured of the masks of a clip, and why it is left out."""

    name: str
    reasons: tuple[str, ...] = ()
    """A sentence for each; none: the masks are good."""
    views: int = 0
    """Frames that were looked at."""
    area: float = 0.0
    """The share of the image that is masked, the median over the views."""
    lost: float = 0.0
    """The share of the views in which a mask does not go with its object, of the worst object (`Following`)."""
    changes: int = 0
    """How often two objects change numbers (`Identity`)."""
    beside: float = 0.0
    """How far the worst outline lies beside its edges, in sides of its mask (`Alignment`)."""
    gain: float = 0.0
    """By how much the difference is larger there."""
    specks: float = 0.0
    """The share of the worst mask that lies outside its three largest parts."""
    agreement: float | None = None
    """J with the masks of the second finder, the median over the views; None: none was asked."""
    confidence: float | None = None
    """How sure the second finder is of what is masked, 0 to 1; None: it does not say."""

    @property
    def good(self) -> bool:
        return not self.reasons


def check(clip: Clip, *, every: int = 1, finder: FrameStage | None = None) -> Checked:
    """Whether the masks of a clip are right, as far as that can be told without knowing: those that would mislead.

    A clip is left out, each for a reason in a sentence, if what is masked is too small or too large; masks do not go
    with the motion of what they are on, as those that flicker; numbers change places; outlines lie beside the edges of
    image and motion, as those of masks that are shifted or grown; masks fall into specks; or a second finder means
    something else or is unsure.
    every: look at every n-th annotated frame. finder: a stage that makes masks, such as `Named("dog")` beside masks
    that were made with memory, or `MovingObjects()`; it sees all frames, or every n-th.
    Holds two frames, reduced, and what the finder holds. Raises UsageError for a clip that cannot be read.
    """
    if clip.annotations is None or not is_annotated(clip):
        return Checked(name=clip.name, reasons=("it has no masks to check.",))
    seen = _Tally()
    second = None if finder is None else _Second(iter(Pipeline(source=_looked_at(clip, every)) | finder))
    for view in views(clip, every):
        seen.see(view)
        if second is not None:
            second.see(view)
    return _judged(seen.measured(clip.name, second), seen)


def _looked_at(clip: Clip, every: int) -> Iterator[Frame]:
    """What the second finder sees: all frames, or with `every` those that are looked at."""
    wanted = set() if clip.annotations is None else set(clip.annotations.frames[::every])
    return (frame for frame in clip.frames if every == 1 or frame.index in wanted)


@attrs.define(eq=False)
class _Second:
    """What a second finder says of the same views."""

    frames: Iterator[Frame]
    agreed: list[float] = attrs.field(factory=list)
    sure: list[float] = attrs.field(factory=list)

    def see(self, view: View) -> None:
        frame = next((frame for frame in self.frames if frame.index >= view.index), None)
        if frame is None or frame.index != view.index or frame.mask is None:
            raise UsageError(f"the second finder gives no mask for frame {view.index}: it must mask every frame.")
        found = reduced_mask(frame.mask, view.image)
        self.agreed.append(tolerant_j(found, view.union) if found.any() or view.masks else 1.0)
        for name, layer in frame.layers.items():
            if name.endswith("confidence") and view.masks:
                share = layer.float() / (1 if layer.is_floating_point() else 255)
                small = cv2.resize(share.numpy(), view.size[::-1], interpolation=cv2.INTER_AREA)
                self.sure.append(float(small[view.union].mean()))


@attrs.define(eq=False)
class _Tally:
    """What the views tell of the masks, object by object."""

    areas: list[float] = attrs.field(factory=list)
    following: dict[int, Following] = attrs.field(factory=dict)
    alignment: dict[int, Alignment] = attrs.field(factory=dict)
    specks: dict[int, list[float]] = attrs.field(factory=dict)
    identity: Identity = attrs.field(factory=Identity)

    def see(self, view: View) -> None:
        self.areas.append(float(view.union.mean()))
        self.identity.see(view)
        for number in {*view.masks, *view.carried}:
            self.following.setdefault(number, Following()).see(view, number)
        for number, mask in view.masks.items():
            self.specks.setdefault(number, []).append(_specks(mask))
            if mask.sum() >= SMALLEST:
                self.alignment.setdefault(number, Alignment()).see(view, mask)

    @property
    def off(self) -> Alignment:
        """The outline that lies furthest beside its edges."""
        known = lasting(self.alignment, len(self.areas)).values()
        return max((one for one in known if one.off >= BESIDE), key=lambda one: one.gain, default=Alignment())

    def measured(self, name: str, second: _Second | None) -> Checked:
        return Checked(
            name=name,
            views=len(self.areas),
            area=median(self.areas),
            lost=max((one.lost / len(one) for one in self.following.values() if len(one)), default=0.0),
            changes=len(self.identity.changes),
            beside=self.off.off,
            gain=self.off.gain,
            specks=max(map(mean, lasting(self.specks, len(self.areas)).values()), default=0.0),
            agreement=None if second is None else median(second.agreed),
            confidence=None if second is None or not second.sure else mean(second.sure),
        )


def _specks(mask: Array) -> float:
    """The share of a mask outside its three largest parts."""
    areas = sorted((int(part.sum()) for part in components(mask)), reverse=True)
    return sum(areas[3:]) / sum(areas)


def _judged(found: Checked, seen: _Tally) -> Checked:
    """With the reasons to leave the clip out, the plainest first."""
    return attrs.evolve(found, reasons=tuple(_reasons(found, seen)))


def _reasons(found: Checked, seen: _Tally) -> Iterator[str]:
    if found.area < LEAST:
        yield f"what is masked is {found.area:.2%} of the image, and less than {LEAST:.2%} says little."
    if found.area > MOST:
        yield f"what is masked is {found.area:.0%} of the image, and more than {MOST:.0%} leaves nothing to see."
    for number, one in seen.following.items():
        if one.lost > max(1, OFTEN * len(one)):
            yield f"the mask of object {number} does not go with it in {one.lost} of {len(one)} frames: it flickers."
    for frame, a, b in seen.identity.changes:
        yield f"the objects {a} and {b} change numbers at frame {frame}."
    if found.gain > GAIN:
        yield f"outlines lie beside the edges of what is masked: {seen.off.told}."
    if found.specks > SPECKS:
        yield f"a mask falls into specks: {found.specks:.0%} of it lies outside its three largest parts."
    if found.agreement is not None and found.agreement < AGREE:
        yield f"a second finder means something else: the masks have {found.agreement:.0%} in common."
    if found.confidence is not None and found.confidence < SURE:
        yield f"the second finder is not sure of what is masked: {found.confidence:.0%}."
