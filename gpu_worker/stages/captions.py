"""The words that travel with a picture: title, description, alt text, rights and credit. Nothing else of a photo's
metadata is read, so neither place nor camera gets out."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass, fields, replace
from typing import cast
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from PIL import ExifTags, Image, ImageFile, IptcImagePlugin

from gpu_worker import pixels

DISCLOSURE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
Source = Callable[[Image.Image], Iterator[tuple[str, str]]]

LONGEST_CHARACTERS = 2000
PACKET_MAX_BYTES = 262_144
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
# Field → its XMP property (namespace prefix, name) and whether it holds one text, texts by language or a list.
SPACES = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "Iptc4xmpCore": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
}
XMP = {
    "title": ("dc", "title", "Alt"),
    "description": ("dc", "description", "Alt"),
    "alt_text": ("Iptc4xmpCore", "AltTextAccessibility", "Alt"),
    "copyright": ("dc", "rights", "Alt"),
    "creator": ("dc", "creator", "Seq"),
    "credit": ("photoshop", "Credit", ""),
}
# EXIF 2.32 tags and IPTC-IIM 4.2 records that hold the same words.
EXIF = {
    "description": ExifTags.Base.ImageDescription,
    "copyright": ExifTags.Base.Copyright,
    "creator": ExifTags.Base.Artist,
}
IIM = {
    "title": (2, 5),
    "description": (2, 120),
    "copyright": (2, 116),
    "creator": (2, 80),
    "credit": (2, 110),
}


@dataclass(frozen=True)
class Captions:
    """What a merchant or photographer wrote about a picture; empty where nothing was."""

    title: str = ""
    description: str = ""
    alt_text: str = ""
    copyright: str = ""
    creator: str = ""
    credit: str = ""

    def __bool__(self) -> bool:
        return any(astuple(self))


def read(data: bytes) -> Captions:
    """The words in a photo's XMP, else IPTC, else EXIF. Broken metadata counts as none: it is no reason to stop."""
    try:
        formats = [name for name in pixels.FORMATS if name in Image.OPEN]
        image = Image.open(io.BytesIO(data), formats=formats)
    except Exception:  # load has judged the file already
        return Captions()
    found = Captions()
    for source in (_of_xmp, _of_iim, _of_exif):
        empty = {field.name for field in fields(Captions) if not getattr(found, field.name)}
        found = replace(
            found, **{name: text for name, text in _words(source, image).items() if name in empty}
        )
    return found


def _words(source: Source, image: Image.Image) -> dict[str, str]:
    try:
        return dict(source(image))
    except Exception:  # a dozen formats break their metadata in a dozen ways
        return {}


def _clean(text: str) -> str:
    return CONTROL.sub("", text).strip()[:LONGEST_CHARACTERS]


def _of_xmp(image: Image.Image) -> Iterator[tuple[str, str]]:
    packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    packet = packet.encode() if isinstance(packet, str) else bytes(packet)
    # A packet has no use for entities; whoever declares some means harm.
    if (
        not packet
        or len(packet) > PACKET_MAX_BYTES
        or b"<!" in packet.replace(b"<!--", b"")
        or b"\0<" in packet
    ):
        return
    tree = ElementTree.fromstring(packet.rstrip(b"\0 \n"))  # noqa: S314 - small and free of declarations, see above
    for description in tree.iter(f"{RDF}Description"):
        for name, (space, local, _) in XMP.items():
            key = f"{{{SPACES[space]}}}{local}"
            node = description.find(key)
            text = description.get(key, "") if node is None else " ".join(node.itertext())
            if _clean(text):
                yield name, _clean(_first(node) or text)


def _first(node: ElementTree.Element | None) -> str:
    """Of texts by language the default one, of a list all."""
    if node is None:
        return ""
    items = [item for item in node.iter(f"{RDF}li") if (item.text or "").strip()]
    if node.find(f"{RDF}Alt") is not None and items:
        return items[0].text or ""
    return ", ".join(item.text or "" for item in items)


def _of_iim(image: Image.Image) -> Iterator[tuple[str, str]]:
    records = IptcImagePlugin.getiptcinfo(cast(ImageFile.ImageFile, image)) or {}
    for name, key in IIM.items():
        value = records.get(key)
        value = value[0] if isinstance(value, list) and value else value
        if isinstance(value, bytes) and _clean(_decoded(value)):
            yield name, _clean(_decoded(value))


def _of_exif(image: Image.Image) -> Iterator[tuple[str, str]]:
    exif = image.getexif()
    for name, tag in EXIF.items():
        value = exif.get(tag)
        if isinstance(value, str):
            # The standard says ASCII, Pillow reads Latin-1, and cameras write UTF-8.
            value = value.encode("latin-1", "replace")
        if isinstance(value, bytes) and _clean(_decoded(value)):
            yield name, _clean(_decoded(value))


def _decoded(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def packet(captions: Captions, disclose: bool) -> bytes | None:
    """The XMP packet with these words and, where asked, IPTC's mark for AI-assisted composites; None for neither."""
    if not captions and not disclose:
        return None
    spaces = "".join(f' xmlns:{prefix}="{space}"' for prefix, space in SPACES.items())
    mark = f' Iptc4xmpExt:DigitalSourceType="{DISCLOSURE}"' if disclose else ""
    words = "".join(_property(name, getattr(captions, name)) for name in XMP if getattr(captions, name))
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about=""{spaces}{mark}>{words}</rdf:Description></rdf:RDF></x:xmpmeta>'
        '<?xpacket end="w"?>'
    ).encode()


def _property(name: str, text: str) -> str:
    space, local, kind = XMP[name]
    inner = escape(text)
    if kind:
        language = ' xml:lang="x-default"' if kind == "Alt" else ""
        inner = f"<rdf:{kind}><rdf:li{language}>{inner}</rdf:li></rdf:{kind}>"
    return f"<{space}:{local}>{inner}</{space}:{local}>"


def exif(captions: Captions) -> bytes | None:
    """An EXIF block with description, copyright and artist and nothing else; None for none of them."""
    block = Image.Exif()
    for name, tag in EXIF.items():
        if getattr(captions, name):
            block[tag] = getattr(captions, name).encode()
    return block.tobytes() if len(block) else None
