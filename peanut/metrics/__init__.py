"""What is measured of masks and of images: functions on tensors, and measures that take one frame after the other."""

from peanut.metrics.consistency import Flicker as Flicker
from peanut.metrics.consistency import Stc as Stc
from peanut.metrics.consistency import WarpingError as WarpingError
from peanut.metrics.consistency import flicker as flicker
from peanut.metrics.consistency import stc as stc
from peanut.metrics.consistency import warping_error as warping_error
from peanut.metrics.endpoint_error import EndpointError as EndpointError
from peanut.metrics.endpoint_error import endpoint_error as endpoint_error
from peanut.metrics.motion import Motion as Motion
from peanut.metrics.motion import Motions as Motions
from peanut.metrics.motion import motion as motion
from peanut.metrics.psnr import EXACT as EXACT
from peanut.metrics.psnr import Psnr as Psnr
from peanut.metrics.psnr import luma as luma
from peanut.metrics.psnr import psnr as psnr
from peanut.metrics.psnr import regions as regions
from peanut.metrics.running import Mean as Mean
from peanut.metrics.running import Measure as Measure
from peanut.metrics.segmentation import Segmentation as Segmentation
from peanut.metrics.segmentation import boundary as boundary
from peanut.metrics.segmentation import j_and_f as j_and_f
from peanut.metrics.segmentation import jaccard as jaccard
from peanut.metrics.segmentation import over_annotators as over_annotators
from peanut.metrics.segmentation import over_objects as over_objects
from peanut.metrics.ssim import Ssim as Ssim
from peanut.metrics.ssim import ssim as ssim
