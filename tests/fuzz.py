"""Damaged files, made by number: `python tests/fuzz.py [FIRST]` goes on with new ones until it is stopped.

A number tells the seed, the kind of damage and its place, so that what is found can be made again.
"""

import io
import json
import logging
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from fractions import Fraction
from itertools import count, pairwise
from pathlib import Path
from random import Random

import av
import av.codec.codec
import cv2
import numpy as np

LENGTH = 40
SECONDS = 20
"""What a file may take."""
GROWTH = 2 << 30
"""Bytes by which memory may grow."""
SEEDS = {  # name: encoder, its options, options of the container, sound
    "a.mp4": ("libx264", {"g": "10", "bf": "2"}, {}, "aac"),
    "fragments.mp4": ("libx264", {"g": "10"}, {"movflags": "frag_keyframe+empty_moov+default_base_moof"}, None),
    "a.mov": ("libx264", {"g": "10"}, {"movflags": "faststart"}, "aac"),
    "a.mkv": ("libx264", {"g": "10", "bf": "2"}, {}, "aac"),
    "a.ts": ("libx264", {"g": "10", "bf": "2"}, {}, None),
    "sound.ts": ("mpeg2video", {"g": "10"}, {}, "mp2"),
    "hevc.mp4": ("libx265", {"g": "10", "x265-params": "log-level=none"}, {}, None),
    "hevc.mkv": ("libx265", {"g": "10", "x265-params": "log-level=none"}, {}, None),
    "vp9.webm": ("libvpx-vp9", {"g": "10", "deadline": "realtime", "cpu-used": "8"}, {}, "libopus"),
    "vp8.webm": ("libvpx", {"g": "10", "deadline": "realtime", "cpu-used": "8"}, {}, None),
    "av1.mp4": ("libsvtav1", {"g": "10", "preset": "12"}, {}, None),
    "a.avi": ("mpeg4", {"g": "10"}, {}, "mp3"),
    "a.gif": ("gif", {}, {}, None),
    "pictures": None,
}


def picture(number, size=(48, 64)):
    """A picture that differs from the ones before, h w 3."""
    h, w = size
    rows, columns = np.mgrid[:h, :w]
    waves = [128 + 90 * np.sin((rows * (c + 1) + columns + 5 * number) / 9) for c in range(3)]
    image = np.stack(waves, axis=2).astype(np.uint8)
    cv2.circle(image, (2 * number % w, h // 2), 8, (250, 240, 20), -1)
    return image


def make_seed(folder, name):
    """One intact video; None where this FFmpeg has no encoder for it."""
    path = folder / name
    if SEEDS[name] is None:
        path.mkdir()
        for number in range(LENGTH):
            cv2.imwrite(str(path / f"{number:03d}.png"), picture(number))
        return path
    codec, options, container, sound = SEEDS[name]
    try:
        av.codec.Codec(codec, "w")
        with av.open(str(path), "w", options=container) as output:
            video = output.add_stream(codec, rate=25, options=options)
            video.width, video.height = 64, 48
            video.pix_fmt = "rgb8" if codec == "gif" else "yuv420p"
            audio = output.add_stream(sound, rate=48_000, layout="mono") if sound else None
            _write(output, video, audio)
    except av.codec.codec.UnknownCodecError:
        return None
    return path


def _write(output, video, audio):
    for number in range(LENGTH):
        frame = av.VideoFrame.from_ndarray(picture(number), "rgb24").reformat(format=video.pix_fmt)
        frame.pts, frame.time_base = number, Fraction(1, 25)
        output.mux(video.encode(frame))
        if audio is not None:
            add_tone(output, audio, number)
    output.mux(video.encode(None))
    if audio is not None:
        output.mux(audio.encode(None))


def add_tone(output, audio, number):
    """The sound of a frame: a 25th of a second."""
    tone = np.sin(np.arange(1920 * number, 1920 * (number + 1)) / 20).astype(np.float32)[None] / 4
    samples = av.AudioFrame.from_ndarray(tone, "fltp", "mono")
    samples.sample_rate, samples.pts, samples.time_base = 48_000, 1920 * number, Fraction(1, 48_000)
    for part in av.AudioResampler(audio.format, "mono", 48_000).resample(samples):
        output.mux(audio.encode(part))


def damage(data, random):
    """The bytes with one kind of damage, which a number decides."""
    data, size = bytearray(data), len(data)
    at, length = random.randrange(size), random.randrange(1, max(2, size // 8))
    match random.randrange(5):
        case 0:
            for _ in range(random.choice((1, 3, 10, 30))):
                data[random.randrange(size)] ^= 1 << random.randrange(8)
        case 1:
            del data[size * random.randrange(5, 100) // 100 | 1 :]  # odd: a ts cut between two packets is a shorter ts
        case 2:
            data[at : at + length] = bytes(len(data[at : at + length]))
        case 3:
            del data[at : at + length]
        case 4:
            other = random.randrange(size)
            data[at : at + length], data[other : other + length] = (
                data[other : other + length],
                data[at : at + length],
            )
    return bytes(data)


def make(seeds, number, folder):
    """The damaged file of this number."""
    random = Random(number)
    seed = seeds[number % len(seeds)]
    path = folder / f"{number}-{seed.name}"
    if seed.is_dir():
        shutil.copytree(seed, path)
        victim = path / random.choice(sorted(file.name for file in seed.iterdir()))
        victim.write_bytes(damage(victim.read_bytes(), random))
    else:
        path.write_bytes(damage(seed.read_bytes(), random))
    return path


def look(path):
    """What reading a file gives: frames, words, and what should not be."""
    import peanut

    said, faults, frames = io.StringIO(), [], []
    handler = logging.StreamHandler(said)
    logging.getLogger("peanut").addHandler(handler)
    for work in (peanut.info, lambda path: frames.extend(peanut.read(path, shots=False))):
        try:
            work(path)
        except (peanut.UsageError, peanut.StageError) as error:
            said.write(f"{type(error).__name__}: {error}\n")
        except Exception as error:
            faults.append(f"foreign {type(error).__name__}: {error}")
    logging.getLogger("peanut").removeHandler(handler)
    if not all(a.index < b.index and a.time < b.time for a, b in pairwise(frames)):
        faults.append("numbers or times run back")
    return {"frames": len(frames), "said": said.getvalue(), "faults": faults}


def look_at_all(paths):
    """In a process of its own: one line for every file before it is read, and one after."""
    look(__file__)  # imports take their time, which is not that of the first file
    first = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for path in paths:
        print(json.dumps({"begins": path}), flush=True)
        signal.alarm(SECONDS)
        found = look(path)
        signal.alarm(0)
        if 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - first) > GROWTH:
            found["faults"].append("memory grew by more than 2 GB")
        print(json.dumps(found), flush=True)


def faults(paths):
    """What is wrong with the reading of these files, a sentence each."""
    paths, found = [str(path) for path in paths], []
    while paths:
        done = subprocess.run([sys.executable, __file__, "--look", *paths], capture_output=True, text=True)
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        for begins, result in zip(lines[::2], lines[1::2], strict=False):
            found += [f"{begins['begins']}: {fault}" for fault in result["faults"]]
            if result["frames"] != LENGTH and not result["said"].strip():
                found.append(f"{begins['begins']}: {result['frames']} of {LENGTH} frames, and nothing was said")
        if len(lines) % 2:  # it died in the middle of one
            found.append(f"{lines[-1]['begins']}: ended with {done.returncode}")
        elif len(lines) < 2 * len(paths):
            raise RuntimeError(done.stderr)
        paths = paths[(len(lines) + 1) // 2 :]
    return found


def main(first):
    folder = Path(tempfile.mkdtemp(prefix="peanut-fuzz-"))
    (folder / "seeds").mkdir()
    seeds = [seed for name in SEEDS if (seed := make_seed(folder / "seeds", name)) is not None]
    print(f"{len(seeds)} seeds in {folder}; Ctrl-C ends")
    for begin in count(first, 50):
        paths = {str(path): path for number in range(begin, begin + 50) for path in [make(seeds, number, folder)]}
        found = faults(paths)
        print(f"{begin} to {begin + 49}:", *(found or ["as it should be"]), sep="\n  " if found else " ", flush=True)
        for name, path in paths.items():
            if not any(fault.startswith(name) for fault in found):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--look"]:
        look_at_all(sys.argv[2:])
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else 200)
