"""Colour profiles made by hand, so that tests know what they say."""

import struct

import numpy as np
from PIL import Image, ImageCms

Primaries = tuple[tuple[float, float], ...]
SRGB: Primaries = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))


def rgb(primaries: Primaries = SRGB, gamma: float = 2.2, name: bytes = b"Wide P3") -> bytes:
    """An RGB profile with those primaries, D65 and gamma: matrix, curves, white (ICC.1:2001)."""

    def xy_to_xyz(x, y):
        return np.array([x / y, 1.0, (1 - x - y) / y])

    columns = np.stack([xy_to_xyz(*p) for p in primaries], axis=1)
    white = xy_to_xyz(0.3127, 0.3290)
    matrix = columns * np.linalg.solve(columns, white)
    bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    d50 = np.array([0.9642, 1.0, 0.8249])
    adapt = np.linalg.inv(bradford) @ np.diag((bradford @ d50) / (bradford @ white)) @ bradford
    matrix = adapt @ matrix

    def xyz(v):
        return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(c * 65536)) for c in v)

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    description = b"desc\0\0\0\0" + struct.pack(">I", len(name) + 1) + name + b"\0" * 80
    tags = {
        b"desc": description,
        b"wtpt": xyz(d50),
        b"rXYZ": xyz(matrix[:, 0]),
        b"gXYZ": xyz(matrix[:, 1]),
        b"bXYZ": xyz(matrix[:, 2]),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
        b"cprt": b"text\0\0\0\0none\0\0\0\0",
    }
    offset, table, body = 132 + 12 * len(tags), b"", b""
    for tag, data in tags.items():
        data += b"\0" * (-len(data) % 4)
        table += tag + struct.pack(">II", offset + len(body), len(data))
        body += data
    size = offset + len(body)
    header = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x02400000, b"mntr", b"RGB ", b"XYZ ") + b"\0" * 12
    header += b"acsp" + b"\0" * 28 + b"".join(struct.pack(">i", round(c * 65536)) for c in d50)
    header += b"\0" * (128 - len(header))
    return header + struct.pack(">I", len(tags)) + table + body


def cmyk() -> bytes:
    """A printer whose inks are purer than any real one: each takes its colour away, black takes the light (lut8, ICC.1)."""
    to_lab = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
    )
    table = b""
    for c, m, y, k in np.ndindex(2, 2, 2, 2):
        ink = Image.new("RGB", (1, 1), tuple(int(255 * (1 - side) * (1 - k * 0.9)) for side in (c, m, y)))
        table += bytes(ImageCms.applyTransform(ink, to_lab).getpixel((0, 0)))  # L, a + 128, b + 128
    ramp = bytes(range(256))
    identity = b"".join(struct.pack(">i", 65536 * (i % 4 == 0)) for i in range(9))
    lut = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + identity + ramp * 4 + table + ramp * 3
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", 5) + b"Inks\0" + b"\0" * 79,
        b"A2B0": lut,
        b"wtpt": b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061),
    }
    offset, index, body = 132 + 12 * len(tags), b"", b""
    for tag, data in tags.items():
        data += b"\0" * (-len(data) % 4)
        index += tag + struct.pack(">II", offset + len(body), len(data))
        body += data
    header = struct.pack(">I4sI4s4s4s", offset + len(body), b"lcms", 0x02400000, b"prtr", b"CMYK", b"Lab ")
    header += b"\0" * 12 + b"acsp" + b"\0" * 28 + struct.pack(">3i", 63190, 65536, 54061)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + index + body
