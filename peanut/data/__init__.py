"""Datasets in the layouts in which they are published, and test sets of one's own."""

from peanut.data.clip import Annotations as Annotations
from peanut.data.clip import Clip as Clip
from peanut.data.clip import Expression as Expression
from peanut.data.dataset import Dataset as Dataset
from peanut.data.davis import Davis as Davis
from peanut.data.enlarging import Reds4 as Reds4
from peanut.data.enlarging import Vid4 as Vid4
from peanut.data.enlarging import Vimeo90K as Vimeo90K
from peanut.data.folder import Folder as Folder
from peanut.data.manifest import Entry as Entry
from peanut.data.manifest import Manifest as Manifest
from peanut.data.named import open_dataset as open_dataset
from peanut.data.referring import Referring as Referring
from peanut.data.verify import verify as verify
from peanut.data.youtube_vos import YouTubeVOS as YouTubeVOS
