"""The changes of the API: files, a product's media, its variants' media, bulk operations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import PurePosixPath
from typing import Any

from connectors.sandbox.shopify import metafields
from connectors.sandbox.shopify.changes import Wrong, guarded
from connectors.sandbox.shopify.engine import Call, refused
from connectors.sandbox.shopify.fields import Field, medium_number, number, typed
from connectors.sandbox.shopify.lines import BadBulkQuery
from connectors.sandbox.shopify.media import MAX_ALT_CHARS, MAX_PER_PRODUCT, BadSource
from connectors.sandbox.shopify.memory import Doc

MOST_FILES, MOST_PAIRS = 250, 100
_STAGED = {"IMAGE", "FILE"}
_PLAIN = {"title": "title", "handle": "handle", "status": "status", "tags": "tags", "vendor": "vendor"} | {
    "productType": "product_type",
    "descriptionHtml": "html",
}


# -- files --------------------------------------------------------------------------------------------------


@guarded("userErrors", lambda: {"stagedTargets": None})
def _stage(call: Call, input: Sequence[Doc]) -> Doc:
    _no_more_than(MOST_FILES, input, ["input"])
    for n, wanted in enumerate(input):
        if wanted["resource"] not in _STAGED:
            raise refused(f"the sandbox does not play uploads of {wanted['resource']}", "NOT_PLAYED")
        if wanted["resource"] == "IMAGE" and not wanted["mimeType"].startswith("image/"):
            raise Wrong("INVALID", ["input", str(n), "mimeType"], f"{wanted['mimeType']} is not an image")
    made = [
        call.site.media.stage(
            call.shop, wanted["filename"], wanted["mimeType"], wanted.get("httpMethod") or "PUT"
        )
        for wanted in input
    ]
    return {"stagedTargets": made}


@guarded("userErrors", lambda: {"files": []})
def _create_files(call: Call, files: Sequence[Doc]) -> Doc:
    _no_more_than(MOST_FILES, files, ["files"])
    return {"files": [_create_file(call, given, ["files", str(n)]) for n, given in enumerate(files)]}


def _create_file(call: Call, given: Doc, path: list[str]) -> Doc:
    if given.get("contentType") not in {None, "IMAGE"}:
        raise refused(f"the sandbox does not play files of the kind {given['contentType']}", "NOT_PLAYED")
    alt = _alt(given, path) or ""
    data, name = _source(call, given["originalSource"], path)
    mode, wanted = given.get("duplicateResolutionMode") or "APPEND_UUID", given.get("filename") or ""
    if wanted and _extension(wanted) != _extension(name):
        raise Wrong("MISMATCHED_FILENAME_AND_ORIGINAL_SOURCE", [*path, "filename"], "The extensions differ")
    if mode == "REPLACE" and not wanted:
        raise Wrong("MISSING_FILENAME_FOR_DUPLICATE_MODE_REPLACE", path, "REPLACE needs a filename")
    there = call.site.media.named(call.shop, wanted or name)
    if there and mode == "RAISE_ERROR":
        raise Wrong("FILENAME_ALREADY_EXISTS", [*path, "filename"], "The provided filename already exists.")
    if there and mode == "REPLACE":
        call.site.media.replace(call.shop, there, data)
        return typed("MediaImage", there)
    return typed("MediaImage", call.site.media.add(call.shop, data, wanted or name, alt=alt))


@guarded("userErrors", lambda: {"files": []})
def _update_files(call: Call, files: Sequence[Doc]) -> Doc:
    _no_more_than(MOST_FILES, files, ["files"])
    return {"files": [_update_file(call, given, ["files", str(n)]) for n, given in enumerate(files)]}


def _update_file(call: Call, given: Doc, path: list[str]) -> Doc:
    picture = _ready_picture(call, given["id"], [*path, "id"])
    if set(given) == {"id"}:
        raise Wrong("MISSING_ARGUMENTS", path, "At least one argument is required.")
    if given.get("originalSource") and given.get("previewImageSource"):
        raise Wrong("INVALID", path, "originalSource and previewImageSource can't be changed together")
    alt = _alt(given, path)
    if alt is not None:
        picture["alt"] = alt
    if given.get("filename"):
        _rename(call, picture, given["filename"], path)
    _refer(call, picture, given, path)
    picture["updated"] = call.site.clock.stamp()
    call.site.media.save(call.shop, picture)
    if given.get("originalSource"):
        data, name = _source(call, given["originalSource"], path)
        if _extension(name) != _extension(picture["filename"]):
            raise Wrong("INVALID_FILENAME_EXTENSION", [*path, "originalSource"], "The extension has to stay")
        call.site.media.replace(call.shop, picture, data)
    for product_id in picture["products"]:
        product = call.site.catalogue.product(call.shop, product_id)
        if product is not None:
            call.site.catalogue.save(call.shop, product)
    return typed("MediaImage", picture)


def _rename(call: Call, picture: Doc, name: str, path: list[str]) -> None:
    if _extension(name) != _extension(picture["filename"]):
        raise Wrong("INVALID_FILENAME_EXTENSION", [*path, "filename"], "Invalid filename extension.")
    there = call.site.media.named(call.shop, name)
    if there and there["id"] != picture["id"]:
        raise Wrong("FILENAME_ALREADY_EXISTS", [*path, "filename"], "The provided filename already exists.")
    picture["filename"] = name


def _refer(call: Call, picture: Doc, given: Doc, path: list[str]) -> None:
    """Put the picture into products, and take it out of others and of their variants."""
    catalogue = call.site.catalogue
    for key, adds in (("referencesToAdd", True), ("referencesToRemove", False)):
        for reference in given.get(key) or ():
            product = catalogue.product(call.shop, number(reference, "Product"))
            if product is None:
                raise Wrong(
                    "REFERENCE_TARGET_DOES_NOT_EXIST", [*path, key], "The target resource does not exist."
                )
            if call.site.jobs.pending(call.shop, product["id"]):
                words = "Media cannot be modified. It is currently being modified by another operation."
                raise Wrong("MEDIA_CANNOT_BE_MODIFIED", [*path, key], words)
            if adds:
                _check_room(product, 1, [*path, key])
                catalogue.attach(call.shop, product, [picture])
            else:
                catalogue.detach(call.shop, product, picture)
            catalogue.save(call.shop, product)


@guarded("userErrors", lambda: {"deletedFileIds": None})
def _delete_files(call: Call, fileIds: Sequence[str]) -> Doc:
    pictures = [_picture(call, one, ["fileIds", str(n)]) for n, one in enumerate(fileIds)]
    for n, picture in enumerate(pictures):
        if call.site.media.locked(picture) or call.site.media.status(picture) in {
            "UPLOADED",
            "PROCESSING",
        }:
            raise Wrong("FILE_LOCKED", ["fileIds", str(n)], "File has a pending operation.")
    for picture in pictures:
        for product_id in list(picture["products"]):
            product = call.site.catalogue.product(call.shop, product_id)
            if product is not None:
                call.site.catalogue.detach(call.shop, product, picture)
                call.site.catalogue.save(call.shop, product)
        call.site.media.remove(call.shop, picture["id"])
    return {"deletedFileIds": list(fileIds)}


@guarded("userErrors", lambda: {"files": None})
def _acknowledge(call: Call, fileIds: Sequence[str]) -> Doc:
    pictures = [_picture(call, one, ["fileIds", str(n)]) for n, one in enumerate(fileIds)]
    for picture in pictures:
        picture["update_error"] = ""
        call.site.media.save(call.shop, picture)
    return {"files": [typed("MediaImage", picture) for picture in pictures]}


# -- products -----------------------------------------------------------------------------------------------


@guarded("userErrors", lambda: {"product": None})
def _update_product(call: Call, product: Doc | None = None, media: Sequence[Doc] = (), **more: Any) -> Doc:
    if more:
        raise refused(f"the sandbox does not play {', '.join(sorted(more))} of productUpdate", "NOT_PLAYED")
    given = dict(product or {})
    found = call.site.catalogue.product(call.shop, number(given.pop("id", ""), "Product"))
    if found is None:
        raise Wrong("", ["id"], "Product does not exist")
    unknown = set(given) - set(_PLAIN) - {"redirectNewHandle"}
    if {name for name in unknown if given[name] is not None and given[name] is not False}:
        raise refused(f"the sandbox does not change {', '.join(sorted(unknown))} of a product", "NOT_PLAYED")
    if "title" in given and not (given["title"] or "").strip():
        raise Wrong("", ["title"], "Title can't be blank")
    found |= {_PLAIN[name]: value for name, value in given.items() if name in _PLAIN}
    _check_room(found, len(media or ()), ["media"])
    added = [_create_medium(call, entry, ["media", str(n)]) for n, entry in enumerate(media or ())]
    call.site.catalogue.attach(call.shop, found, added)
    call.site.catalogue.save(call.shop, found)
    if added:
        call.site.told_when_ready(call.shop, found["id"])
    return {"product": found}


def _create_medium(call: Call, given: Doc, path: list[str]) -> Doc:
    if given["mediaContentType"] != "IMAGE":
        raise refused(
            f"the sandbox does not play media of the kind {given['mediaContentType']}", "NOT_PLAYED"
        )
    alt = _alt(given, path) or ""
    data, name = _source(call, given["originalSource"], path)
    return call.site.media.add(call.shop, data, name, alt=alt)


@guarded("mediaUserErrors", lambda: {"job": None, "userErrors": []})
def _reorder(call: Call, id: str, moves: Sequence[Doc]) -> Doc:
    product = _product(call, id, ["id"])
    read = []
    for n, move in enumerate(moves):
        media_id, place = medium_number(move["id"]), str(move["newPosition"])
        if media_id not in product["media"]:
            words = "Media does not exist on the given product."
            raise Wrong("MEDIA_DOES_NOT_EXIST_ON_PRODUCT", ["moves", str(n), "id"], words)
        if not place.isdigit():
            raise Wrong("INVALID", ["moves", str(n), "newPosition"], "The input value is invalid.")
        read.append((media_id, int(place)))
    if not read:
        raise Wrong("MISSING_ARGUMENTS", ["moves"], "Missing arguments.")
    job = call.site.jobs.reorder(call.shop, product["id"], read)
    return {"job": {"id": job, "done": False}, "userErrors": []}


def _append(call: Call, product: Doc, variant: Doc, picture: Doc, path: list[str]) -> None:
    if variant["media"]:
        raise Wrong("PRODUCT_VARIANT_ALREADY_HAS_MEDIA", path, "Product variant already has attached media.")
    if call.site.media.status(picture) != "READY":
        raise Wrong("NON_READY_MEDIA", path, "Non-ready media are not supported.")
    variant["media"] = [picture["id"]]


def _detach(call: Call, product: Doc, variant: Doc, picture: Doc, path: list[str]) -> None:
    if picture["id"] not in variant["media"]:
        words = "The specified media is not attached to the specified variant."
        raise Wrong("MEDIA_IS_NOT_ATTACHED_TO_VARIANT", path, words)
    variant["media"] = []


def _variant_media(change: Callable[..., None]) -> Field:
    @guarded("userErrors", lambda: {"product": None, "productVariants": None})
    def mutation(call: Call, productId: str, variantMedia: Sequence[Doc]) -> Doc:
        product = _product(call, productId, ["productId"])
        if len(variantMedia) > MOST_PAIRS:
            words = f"Exceeded the maximum number of {MOST_PAIRS} variant-media pairs per mutation call."
            raise Wrong("MAXIMUM_VARIANT_MEDIA_PAIRS_EXCEEDED", ["variantMedia"], words)
        changed: list[int] = []
        for n, pair in enumerate(variantMedia):
            path = ["variantMedia", str(n)]
            variant = _variant_of(product, pair["variantId"], path)
            if variant["id"] in changed:
                words = "Variant specified in more than one pair."
                raise Wrong("PRODUCT_VARIANT_SPECIFIED_MULTIPLE_TIMES", path, words)
            if len(pair["mediaIds"]) != 1:
                words = "Only one mediaId is allowed per variant-media input pair."
                raise Wrong("TOO_MANY_MEDIA_PER_INPUT_PAIR", path, words)
            picture = _picture(call, pair["mediaIds"][0], path, code="MEDIA_DOES_NOT_EXIST")
            if picture["id"] not in product["media"]:
                words = "Media does not exist on the given product."
                raise Wrong("MEDIA_DOES_NOT_EXIST_ON_PRODUCT", path, words)
            change(call, product, variant, picture, path)
            changed.append(variant["id"])
        call.site.catalogue.save(call.shop, product)
        told = [
            {**variant, "place": n, "product": product}
            for n, variant in enumerate(product["variants"], start=1)
            if variant["id"] in changed
        ]
        return {"product": product, "productVariants": told}

    return mutation


# -- bulk ---------------------------------------------------------------------------------------------------


def _run_bulk(root: Any, call: Call, query: str, groupObjects: bool = False) -> Doc:
    try:
        started = call.site.bulk.start(call, query, grouped=groupObjects)
    except BadBulkQuery as error:
        return _no_bulk("INVALID", str(error))
    if isinstance(started, str):
        return _no_bulk(started, "A bulk query operation for this app and shop is already in progress")
    return {"bulkOperation": started, "userErrors": []}


def _no_bulk(code: str, words: str) -> Doc:
    return {"bulkOperation": None, "userErrors": [{"code": code, "field": ["query"], "message": words}]}


def _cancel_bulk(root: Any, call: Call, id: str) -> Doc:
    found = call.site.bulk.cancel(call.shop, number(id, "BulkOperation"))
    if found is None:
        return {
            "bulkOperation": None,
            "userErrors": [{"field": ["id"], "message": "Bulk operation does not exist"}],
        }
    return {"bulkOperation": found, "userErrors": []}


# -- what is looked at first --------------------------------------------------------------------------------


def _no_more_than(most: int, given: Sequence[Any], path: list[str]) -> None:
    if len(given) > most:
        raise refused(
            f"The input array size of {len(given)} is greater than the maximum allowed of {most}.",
            "MAX_INPUT_SIZE_EXCEEDED",
            path=path,
        )


def _alt(given: Doc, path: list[str]) -> str | None:
    alt = given.get("alt")
    if alt is not None and len(alt) > MAX_ALT_CHARS:
        words = f"The alt value exceeds the maximum limit of {MAX_ALT_CHARS} characters."
        raise Wrong("ALT_VALUE_LIMIT_EXCEEDED", [*path, "alt"], words)
    return alt


def _source(call: Call, address: str, path: list[str]) -> tuple[bytes | None, str]:
    try:
        return call.site.media.source(call.shop, address)
    except BadSource as error:
        raise Wrong(
            str(error), [*path, "originalSource"], "Invalid image source url value provided."
        ) from None


def _picture(call: Call, given: str, path: list[str], code: str = "FILE_DOES_NOT_EXIST") -> Doc:
    found = call.site.media.media(call.shop, number(given, "MediaImage"))
    if found is None or "kind" in found:
        raise Wrong(code, path, f"{given} does not exist.")
    return found


def _ready_picture(call: Call, given: str, path: list[str]) -> Doc:
    found = _picture(call, given, path)
    if call.site.media.locked(found):
        raise Wrong("FILE_LOCKED", path, "File has a pending operation.")
    if found["update_error"]:
        raise Wrong("INVALID_FAILED_MEDIA_STATE", path, "File cannot be updated in a failed state.")
    if found.get("pending"):
        raise Wrong("FILE_LOCKED", path, "File has a pending operation.")
    if call.site.media.status(found) != "READY":
        raise Wrong("NON_READY_STATE", path, "The file is not in the READY state.")
    return found


def _product(call: Call, given: str, path: list[str]) -> Doc:
    found = call.site.catalogue.product(call.shop, number(given, "Product"))
    if found is None:
        raise Wrong("PRODUCT_DOES_NOT_EXIST", path, "Product does not exist.")
    if call.site.jobs.pending(call.shop, found["id"]):
        words = "Media cannot be modified. It is currently being modified by another operation."
        raise Wrong("MEDIA_CANNOT_BE_MODIFIED", path, words)
    return found


def _variant_of(product: Doc, given: str, path: list[str]) -> Doc:
    wanted = number(given, "ProductVariant")
    for variant in product["variants"]:
        if variant["id"] == wanted:
            return variant
    words = "Variant does not exist on the given product."
    raise Wrong("PRODUCT_VARIANT_DOES_NOT_EXIST_ON_PRODUCT", path, words)


def _check_room(product: Doc, more: int, path: list[str]) -> None:
    if len(product["media"]) + more > MAX_PER_PRODUCT:
        raise Wrong("PRODUCT_MEDIA_LIMIT_EXCEEDED", path, "Exceeded the limit of media per product.")


def _extension(name: str) -> str:
    suffix = PurePosixPath(name).suffix.lower()
    return ".jpg" if suffix == ".jpeg" else suffix


FIELDS: dict[str, Field] = {
    **metafields.FIELDS,
    "bulkOperationCancel": _cancel_bulk,
    "bulkOperationRunQuery": _run_bulk,
    "fileAcknowledgeUpdateFailed": _acknowledge,
    "fileCreate": _create_files,
    "fileDelete": _delete_files,
    "fileUpdate": _update_files,
    "productReorderMedia": _reorder,
    "productUpdate": _update_product,
    "productVariantAppendMedia": _variant_media(_append),
    "productVariantDetachMedia": _variant_media(_detach),
    "stagedUploadsCreate": _stage,
}
