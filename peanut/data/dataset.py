"""What every dataset is: clips in a fixed order, each found by its name."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property

from peanut.data.clip import Clip
from peanut.errors import pick


class Dataset(Sequence[Clip]):
    """Clips in the order of their names; `dataset["bear"]` is the clip of that name, `dataset[0]` the first."""

    @property
    @abstractmethod
    def name(self) -> str:
        """As papers call it."""

    @abstractmethod
    def read_clips(self) -> Sequence[Clip]:
        """All clips of the split, from the dataset's lists and folders; no picture is opened."""

    @cached_property
    def clips(self) -> tuple[Clip, ...]:
        return tuple(self.read_clips())

    def __len__(self) -> int:
        return len(self.clips)

    def __iter__(self) -> Iterator[Clip]:
        return iter(self.clips)

    def __getitem__(self, which: int | str) -> Clip:  # type: ignore[override]
        if isinstance(which, str):
            return pick(f"clip of {self.name}", which, {clip.name: clip for clip in self.clips})
        return self.clips[which]
