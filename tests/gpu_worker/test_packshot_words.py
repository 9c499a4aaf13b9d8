"""What travels with a picture: the words about it do, the place and the camera do not."""

import io

import numpy as np
import pytest
from PIL import ExifTags, Image

from gpu_worker import runner
from gpu_worker.engines.fake import FakeEngine
from gpu_worker.stages import captions
from gpu_worker.stages.captions import DISCLOSURE, Captions, read

QUICK = {"engine": "fake", "framing": {"canvas_px": [160, 160]}}
WORDS = Captions(
    title="Tasse „Nordlicht“",
    description="A mug & a spoon <blue>",
    alt_text="Blue mug on white",
    copyright="© 2026 Töpferei Süd",
    creator="Ada Lindt",
    credit="Studio Süd",
)
SECRETS = [b"SN-4711-SECRET", b"Canon", b"W5M0MpCehiHzreSzNTczkc9d-leak"]


def camera_photo(block: np.ndarray) -> bytes:
    """A JPEG as a camera and a picture editor leave it: GPS, serial numbers, maker, and words in EXIF."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Canon"
    exif[ExifTags.Base.ImageDescription] = "Blaue Tasse, größer".encode()
    exif[ExifTags.Base.Copyright] = "(c) Süd".encode()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.BodySerialNumber] = "SN-4711-SECRET"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (48.0, 8.0, 14.0)
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    out = io.BytesIO()
    Image.fromarray(block).save(out, "JPEG", quality=95, exif=exif)
    return out.getvalue()


@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "avif"])
def test_neither_place_nor_camera_leave_the_house_but_the_caption_does(block, format):
    photo = camera_photo(block())
    assert SECRETS[0] in photo
    made = runner.render({**QUICK, "output": {"format": format}}, {"main": photo})
    for name, file in made.files.items():
        image = Image.open(io.BytesIO(file.data))
        assert not any(secret in file.data for secret in SECRETS), name
        assert not image.getexif().get_ifd(ExifTags.IFD.GPSInfo), name
    found = read(made.files["main"].data)
    assert found.description == "Blaue Tasse, größer"
    assert found.copyright == "(c) Süd"


@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "avif"])
def test_every_word_survives_two_renders_in_every_format(block, encoded, format):
    options = {"xmp": captions.packet(WORDS, False)}
    photo = encoded(block(), "JPEG", quality=95, **options)
    recipe = {**QUICK, "output": {"format": format, "disclose": True}}
    first = runner.render(recipe, {"main": photo}).files["main"].data
    again = runner.render(recipe, {"main": first}, engine=FakeEngine()).files["main"].data
    assert read(first) == read(again) == WORDS
    assert again.count(DISCLOSURE.encode()) == 1


def test_the_words_of_old_press_photos_are_read_from_iptc(block, encoded):
    def record(number: int, text: str) -> bytes:
        data = text.encode()
        return bytes([0x1C, 2, number]) + len(data).to_bytes(2, "big") + data

    iim = record(5, "Mug") + record(120, "A blue mug") + record(116, "Süd") + record(110, "Studio")
    resource = b"8BIM\x04\x04\x00\x00" + len(iim).to_bytes(4, "big") + iim + b"\0" * (len(iim) % 2)
    app13 = b"Photoshop 3.0\0" + resource
    photo = encoded(block(), "JPEG", quality=95)
    segment = b"\xff\xed" + (len(app13) + 2).to_bytes(2, "big") + app13
    found = read(photo[:2] + segment + photo[2:])
    assert found == Captions(title="Mug", description="A blue mug", copyright="Süd", credit="Studio")


@pytest.mark.parametrize(
    "packet",
    [
        b"not xml at all",
        b"<x:xmpmeta",
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "boom"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>',
        b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>' + b" " * 300_000,
    ],
)
def test_broken_or_hostile_metadata_is_no_reason_to_stop(block, encoded, packet):
    photo = encoded(block(), "PNG")
    info = Image.open(io.BytesIO(photo))
    out = io.BytesIO()
    from PIL import PngImagePlugin

    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", packet.decode())
    info.save(out, "PNG", pnginfo=text)
    assert read(out.getvalue()) == Captions()
    assert runner.render(QUICK, {"main": out.getvalue()}).files["main"].data


def test_a_photo_without_words_gets_none(block, encoded):
    made = runner.render(QUICK, {"main": encoded(block())})
    image = Image.open(io.BytesIO(made.files["main"].data))
    assert not image.getexif() and "xmp" not in image.info
