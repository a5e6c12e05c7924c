"""In which pixel format a codec is given its pictures, where nobody asked for one."""

import av

from peanut.frame import Frame


def usual_format(codec: str, first: Frame) -> str:
    """The format for frames like the first: what players of H.264 and VP9 show; elsewhere as close to the source.

    HEVC and AV1 keep 10 bits, whose players know them; FFV1, ProRes and all the rest, which are for work and
    archives, keep the source's own format where they take it, without its transparency.
    """
    own = first.coded.picture.format.name if first.coded is not None else ""
    odd = bool(first.size[0] % 2 or first.size[1] % 2)
    plain = "yuv444p" if odd and not codec.startswith("libvpx") else "yuv420p"
    taken = [known.name for known in av.codec.Codec(codec, "w").video_formats or ()]
    if codec == "libx264" or codec.startswith("libvpx"):
        return plain
    if codec in ("libx265", "libsvtav1", "libaom-av1"):
        deep = bool(own) and first.coded.picture.format.components[0].bits > 8
        return "yuv420p10le" if deep and not odd and "yuv420p10le" in taken else plain
    own = own.replace("yuva", "yuv").replace("ya8", "gray").replace("ya16", "gray16")
    choices = [name for name in (own, plain, "yuv420p") if name and (not taken or name in taken)]
    return choices[0] if choices else taken[0]
