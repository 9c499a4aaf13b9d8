"""Pictures: staged uploads, states that take time, and the mutations with their rules."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
import requests
from PIL import Image

from connectors.sandbox.shopify.server import ShopifySandbox

Shop = Any
STAGE = "mutation S($i: [StagedUploadInput!]!){stagedUploadsCreate(input: $i)" + (
    "{stagedTargets{url resourceUrl parameters{name value}} userErrors{field message}}}"
)
_FILE = (
    "files{id alt fileStatus fileErrors{code} ... on MediaImage{status mediaErrors{code} image{url width}}}"
)
CREATE = (
    "mutation C($f: [FileCreateInput!]!){fileCreate(files: $f){" + _FILE + " userErrors{field message code}}}"
)
UPDATE = (
    "mutation U($f: [FileUpdateInput!]!){fileUpdate(files: $f){" + _FILE + " userErrors{field message code}}}"
)
DELETE = "mutation D($i: [ID!]!){fileDelete(fileIds: $i){deletedFileIds userErrors{field message code}}}"
POLL = (
    "query P($i: [ID!]!){nodes(ids: $i){id ... on MediaImage{status fileStatus mimeType mediaErrors{code}"
    + (" fileErrors{code} image{url width height} originalSource{url fileSize}}}}")
)
ADD = "mutation A($p: ProductUpdateInput!, $m: [CreateMediaInput!]){productUpdate(product: $p, media: $m)" + (
    "{product{id updatedAt media(first: 250){nodes{id alt status}}} userErrors{field message}}}"
)
REORDER = "mutation R($id: ID!, $m: [MoveInput!]!){productReorderMedia(id: $id, moves: $m)" + (
    "{job{id done} mediaUserErrors{field message code}}}"
)
JOB = "query J($id: ID!){job(id: $id){id done}}"
_PAIRS = "(productId: $p, variantMedia: $v){productVariants{id media(first: 5){nodes{id}}} userErrors{field message code}}}"
APPEND = "mutation V($p: ID!, $v: [ProductVariantAppendMediaInput!]!){productVariantAppendMedia" + _PAIRS
DETACH = "mutation V($p: ID!, $v: [ProductVariantDetachMediaInput!]!){productVariantDetachMedia" + _PAIRS


def medium(number: int) -> str:
    return f"gid://shopify/MediaImage/{number}"


def product_id(product: dict[str, Any]) -> str:
    return f"gid://shopify/Product/{product['id']}"


def staged(
    shop: Shop, data: bytes, name: str = "new.jpg", mime: str = "image/jpeg", method: str = "POST"
) -> str:
    """Upload as a client does; where the file then is."""
    wanted = {"filename": name, "mimeType": mime, "resource": "IMAGE", "httpMethod": method}
    (target,) = shop.data(STAGE, i=[wanted])["stagedUploadsCreate"]["stagedTargets"]
    fields = {parameter["name"]: parameter["value"] for parameter in target["parameters"]}
    if method == "PUT":
        answer = requests.put(target["url"], data=data, headers={"Content-Type": mime}, timeout=20)
    else:
        answer = requests.post(target["url"], data=fields, files={"file": (name, data, mime)}, timeout=20)
    assert answer.status_code in {200, 201}, answer.text
    return str(target["resourceUrl"])


def code(told: dict[str, Any], errors: str = "userErrors") -> list[str]:
    (payload,) = told.values()
    return [error["code"] for error in payload[errors]]


def poll(shop: Shop, *ids: str) -> list[dict[str, Any]]:
    return list(shop.data(POLL, i=list(ids))["nodes"])


@pytest.fixture
def photo(make_photo: Callable[..., bytes]) -> bytes:
    return make_photo("teal")


@pytest.fixture
def new(make_photo: Callable[..., bytes]) -> bytes:
    return make_photo("crimson", size=(80, 60))


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_an_uploaded_picture_gets_ready_in_its_own_time(
    shop: Shop, frozen: Callable[[float], None], photo: bytes, new: bytes, method: str
) -> None:
    product = shop.add(photo=photo)
    source = staged(shop, new, method=method)
    media = [{"originalSource": source, "alt": "Red", "mediaContentType": "IMAGE"}]
    told = shop.data(ADD, p={"id": product_id(product)}, m=media)["productUpdate"]
    assert told["userErrors"] == []
    first, added = told["product"]["media"]["nodes"]
    assert (first["status"], added["status"], added["alt"]) == ("READY", "UPLOADED", "Red")
    frozen(0.3)
    (found,) = poll(shop, added["id"])
    assert (found["status"], found["fileStatus"], found["image"]) == ("PROCESSING", "PROCESSING", None)
    frozen(0.2)
    (found,) = poll(shop, added["id"])
    assert (found["status"], found["mimeType"], found["image"]["width"]) == ("READY", "image/jpeg", 80)
    assert requests.get(found["image"]["url"], timeout=20).content == new
    assert requests.get(found["originalSource"]["url"], timeout=20).content == new
    frozen(601)
    assert (
        requests.get(found["originalSource"]["url"], timeout=20).status_code == 403
    )  # a short-lived address
    smaller = requests.get(f"{found['image']['url']}&width=40", timeout=20).content
    assert Image.open(io.BytesIO(smaller)).size == (40, 30)


def test_an_upload_needs_what_it_was_promised_with(
    shop: Shop, frozen: Callable[[float], None], photo: bytes
) -> None:
    wanted = {"filename": "a.jpg", "mimeType": "image/jpeg", "resource": "IMAGE", "httpMethod": "POST"}
    (target,) = shop.data(STAGE, i=[wanted])["stagedUploadsCreate"]["stagedTargets"]
    fields = {parameter["name"]: parameter["value"] for parameter in target["parameters"]}
    file = {"file": ("a.jpg", photo)}
    for wrong in ({"policy": "forged"}, {"key": "tmp/elsewhere"}, {"Content-Type": "image/png"}):
        assert requests.post(target["url"], data=fields | wrong, files=file, timeout=20).status_code == 403
    assert requests.post(target["url"], data=fields, timeout=20).status_code == 400
    frozen(3601)
    assert requests.post(target["url"], data=fields, files=file, timeout=20).status_code == 400
    shop.renew()
    assert shop.data(STAGE, i=[wanted | {"mimeType": "text/plain"}])["stagedUploadsCreate"]["userErrors"]


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("text", "UNSUPPORTED_IMAGE_FILE_TYPE"),
        ("bitmap", "UNSUPPORTED_IMAGE_FILE_TYPE"),
        ("torn", "IMAGE_PROCESSING_FAILURE"),
        ("wide", "INVALID_IMAGE_RESOLUTION"),
    ],
)
def test_a_file_that_is_no_picture_fails_later(
    shop: Shop, frozen: Callable[[float], None], make_photo: Callable[..., bytes], kind: str, code: str
) -> None:
    made = {
        "text": lambda: b"no picture at all",
        "bitmap": lambda: make_photo("teal", format="BMP"),
        "torn": lambda: make_photo("teal", size=(400, 400))[:1500],
        "wide": lambda: make_photo("teal", size=(5001, 2), format="PNG"),
    }
    source = staged(shop, made[kind](), name="x.png" if kind == "wide" else "x.jpg")
    (file,) = shop.data(CREATE, f=[{"originalSource": source}])["fileCreate"]["files"]
    assert (file["fileStatus"], file["fileErrors"]) == ("UPLOADED", [])
    frozen(1)
    (found,) = poll(shop, file["id"])
    assert (found["status"], found["image"]) == ("FAILED", None)
    assert found["mediaErrors"] == found["fileErrors"] == [{"code": code}]


def test_a_source_elsewhere_is_downloaded(
    shop: Shop, web: Any, frozen: Callable[[float], None], photo: bytes
) -> None:
    web.pages["/there.jpg"] = (200, {"Content-Type": "image/jpeg"}, photo)
    sources = [f"{web.url}/there.jpg", f"{web.url}/gone.jpg"]
    files = shop.data(CREATE, f=[{"originalSource": one} for one in sources])["fileCreate"]["files"]
    frozen(1)
    there, gone = poll(shop, *(file["id"] for file in files))
    assert requests.get(there["image"]["url"], timeout=20).content == photo
    assert gone["mediaErrors"] == [{"code": "IMAGE_DOWNLOAD_FAILURE"}]
    assert code(shop.data(CREATE, f=[{"originalSource": "no address"}])) == ["INVALID_IMAGE_SOURCE_URL"]
    (other,) = shop.data(CREATE, f=[{"originalSource": f"{shop.platform.url}/staged/tmp/x"}]).values()
    assert other["userErrors"][0]["code"] == "INVALID_IMAGE_SOURCE_URL"


def test_a_name_that_is_taken_gets_a_uuid_or_replaces_or_is_refused(
    shop: Shop, frozen: Callable[[float], None], photo: bytes, new: bytes
) -> None:
    def create(data: bytes, **more: str) -> dict[str, Any]:
        told: dict[str, Any] = shop.data(
            CREATE, f=[{"originalSource": staged(shop, data, name="vase.jpg"), **more}]
        )
        frozen(1)
        return told

    first = create(photo)["fileCreate"]["files"][0]["id"]
    second = create(new)["fileCreate"]["files"][0]["id"]
    one, two = (found["image"]["url"] for found in poll(shop, first, second))
    assert one.partition("?")[0].endswith("/vase.jpg")
    assert "/vase_" in two
    assert code(create(new, filename="vase.jpg", duplicateResolutionMode="RAISE_ERROR")) == [
        "FILENAME_ALREADY_EXISTS"
    ]
    assert code(create(new, duplicateResolutionMode="REPLACE")) == [
        "MISSING_FILENAME_FOR_DUPLICATE_MODE_REPLACE"
    ]
    assert code(create(new, filename="vase.png")) == ["MISMATCHED_FILENAME_AND_ORIGINAL_SOURCE"]
    assert code(create(new, alt="a" * 513)) == ["ALT_VALUE_LIMIT_EXCEEDED"]
    again = create(new, filename="vase.jpg", duplicateResolutionMode="REPLACE")["fileCreate"]["files"][0]
    assert again["id"] == first
    assert requests.get(one, timeout=20).content == new


def test_replacing_keeps_the_address_everywhere_and_loses_the_original(
    shop: Shop, frozen: Callable[[float], None], photo: bytes, new: bytes
) -> None:
    product = shop.add(photo=photo)
    picture = medium(product["media"][0])
    (before,) = poll(shop, picture)
    told = shop.data(UPDATE, f=[{"id": picture, "originalSource": staged(shop, new)}])
    assert code(told) == []
    assert told["fileUpdate"]["files"][0]["fileStatus"] == "UPLOADED"
    assert code(shop.data(UPDATE, f=[{"id": picture, "alt": "x"}])) == ["FILE_LOCKED"]
    assert requests.get(before["image"]["url"], timeout=20).content == photo
    frozen(1)
    (after,) = poll(shop, picture)
    assert after["image"]["url"].partition("?")[0] == before["image"]["url"].partition("?")[0]
    assert after["image"]["url"] != before["image"]["url"]
    assert requests.get(after["originalSource"]["url"], timeout=20).content == new
    assert requests.get(before["image"]["url"], timeout=20).content == new


def test_a_failed_replacement_has_to_be_acknowledged(
    shop: Shop, frozen: Callable[[float], None], photo: bytes, new: bytes
) -> None:
    picture = medium(shop.add(photo=photo)["media"][0])
    shop.data(UPDATE, f=[{"id": picture, "originalSource": staged(shop, b"torn")}])
    frozen(1)
    (found,) = poll(shop, picture)
    assert (found["status"], found["fileStatus"]) == ("READY", "FAILED")
    assert requests.get(found["image"]["url"], timeout=20).content == photo
    assert code(shop.data(UPDATE, f=[{"id": picture, "alt": "x"}])) == ["INVALID_FAILED_MEDIA_STATE"]
    shop.data(
        "mutation K($i: [ID!]!){fileAcknowledgeUpdateFailed(fileIds: $i){files{id} userErrors{code}}}",
        i=[picture],
    )
    assert code(shop.data(UPDATE, f=[{"id": picture, "alt": "x"}])) == []


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "MISSING_ARGUMENTS"),
        ({"id": "gid://shopify/MediaImage/1", "alt": "x"}, "FILE_DOES_NOT_EXIST"),
        ({"alt": "a" * 513}, "ALT_VALUE_LIMIT_EXCEEDED"),
        ({"filename": "cup.png"}, "INVALID_FILENAME_EXTENSION"),
        ({"referencesToAdd": ["gid://shopify/Product/1"]}, "REFERENCE_TARGET_DOES_NOT_EXIST"),
    ],
)
def test_a_wrong_change_of_a_file_changes_nothing(
    shop: Shop, photo: bytes, given: dict[str, Any], expected: str
) -> None:
    product = shop.add(photo=photo)
    picture = medium(product["media"][0])
    before = poll(shop, picture)
    assert code(shop.data(UPDATE, f=[{"id": picture, **given}])) == [expected]
    for found in (before, after := poll(shop, picture)):
        found[0].pop("originalSource")
    assert before == after


def test_only_a_ready_picture_can_be_changed_or_deleted(
    shop: Shop, frozen: Callable[[float], None], new: bytes
) -> None:
    (file,) = shop.data(CREATE, f=[{"originalSource": staged(shop, new)}])["fileCreate"]["files"]
    assert code(shop.data(UPDATE, f=[{"id": file["id"], "alt": "x"}])) == ["NON_READY_STATE"]
    assert code(shop.data(DELETE, i=[file["id"]])) == ["FILE_LOCKED"]
    frozen(1)
    assert code(shop.data(UPDATE, f=[{"id": file["id"], "alt": "x"}])) == []
    assert shop.data(DELETE, i=[file["id"]])["fileDelete"]["deletedFileIds"] == [file["id"]]
    assert poll(shop, file["id"]) == [None]


def test_the_reversible_way_to_put_a_picture_first_and_back(
    shop: Shop, frozen: Callable[[float], None], photo: bytes, new: bytes
) -> None:
    product = shop.add(photo=photo, option="Size", variants=[{"title": "S", "photo": 0}, {"title": "M"}])
    old, this = medium(product["media"][0]), product_id(product)
    small, middle = (f"gid://shopify/ProductVariant/{variant['id']}" for variant in product["variants"])
    media = [{"originalSource": staged(shop, new), "mediaContentType": "IMAGE"}]
    added = shop.data(ADD, p={"id": this}, m=media)["productUpdate"]["product"]["media"]["nodes"][1]["id"]
    pairs = [{"variantId": small, "mediaIds": [added]}]
    assert code(shop.data(APPEND, p=this, v=[{"variantId": middle, "mediaIds": [added]}])) == [
        "NON_READY_MEDIA"
    ]
    frozen(1)
    job = shop.data(REORDER, id=this, m=[{"id": added, "newPosition": "0"}])["productReorderMedia"]["job"]
    assert job["done"] is False
    assert shop.data(JOB, id=job["id"])["job"]["done"] is False
    assert shop.media(product["id"])[0] == product["media"][0]
    assert code(shop.data(UPDATE, f=[{"id": old, "referencesToRemove": [this]}])) == [
        "MEDIA_CANNOT_BE_MODIFIED"
    ]
    frozen(1)
    assert shop.data(JOB, id=job["id"])["job"]["done"] is True
    assert medium(shop.media(product["id"])[0]) == added
    assert code(shop.data(APPEND, p=this, v=pairs)) == ["PRODUCT_VARIANT_ALREADY_HAS_MEDIA"]
    assert code(shop.data(DETACH, p=this, v=pairs)) == ["MEDIA_IS_NOT_ATTACHED_TO_VARIANT"]
    assert code(shop.data(DETACH, p=this, v=[{"variantId": small, "mediaIds": [old]}])) == []
    told = shop.data(APPEND, p=this, v=pairs)["productVariantAppendMedia"]
    assert told["productVariants"] == [{"id": small, "media": {"nodes": [{"id": added}]}}]
    assert code(shop.data(UPDATE, f=[{"id": old, "referencesToRemove": [this]}])) == []
    assert [medium(one) for one in shop.media(product["id"])] == [added]
    assert poll(shop, old)[0]["status"] == "READY"  # it stays among the files
    # And back.
    assert code(shop.data(UPDATE, f=[{"id": old, "referencesToAdd": [this]}])) == []
    assert code(shop.data(UPDATE, f=[{"id": added, "referencesToRemove": [this]}])) == []
    found = shop.platform.site.catalogue.product(shop.name, product["id"])
    assert found is not None
    assert [medium(one) for one in found["media"]] == [old]
    assert found["variants"][0]["media"] == []  # taken out of the product, it is cleared from its variants


def test_pairs_of_variants_and_pictures_are_looked_at_one_by_one(shop: Shop, photo: bytes) -> None:
    product, other = (
        shop.add(photo=photo, variants=[{"title": "S"}, {"title": "M"}]),
        shop.add("Other", photo=photo),
    )
    this, picture = product_id(product), medium(product["media"][0])
    small = f"gid://shopify/ProductVariant/{product['variants'][0]['id']}"

    def append(*pairs: tuple[str, list[str]], of: str = this) -> list[str]:
        return code(shop.data(APPEND, p=of, v=[{"variantId": v, "mediaIds": m} for v, m in pairs]))

    assert append((small, [picture]), of="gid://shopify/Product/1") == ["PRODUCT_DOES_NOT_EXIST"]
    assert append((small, [picture, picture])) == ["TOO_MANY_MEDIA_PER_INPUT_PAIR"]
    assert append((small, [picture]), (small, [picture])) == ["PRODUCT_VARIANT_SPECIFIED_MULTIPLE_TIMES"]
    assert append((small, [medium(1)])) == ["MEDIA_DOES_NOT_EXIST"]
    assert append((small, [medium(other["media"][0])])) == ["MEDIA_DOES_NOT_EXIST_ON_PRODUCT"]
    stranger = f"gid://shopify/ProductVariant/{other['variants'][0]['id']}"
    assert append((stranger, [picture])) == ["PRODUCT_VARIANT_DOES_NOT_EXIST_ON_PRODUCT"]
    assert append(*[(small, [picture])] * 101) == ["MAXIMUM_VARIANT_MEDIA_PAIRS_EXCEEDED"]
    assert append((small, [picture])) == []


def test_moves_are_made_one_after_the_other(
    shop: Shop, frozen: Callable[[float], None], photo: bytes
) -> None:
    product = shop.add(photo=photo, photos=4)
    a, b, c, d = product["media"]
    moves = [{"id": medium(d), "newPosition": "0"}, {"id": medium(a), "newPosition": "2"}]
    shop.data(REORDER, id=product_id(product), m=moves)
    frozen(1)
    shop.data(JOB, id="gid://shopify/Job/none")
    assert shop.media(product["id"]) == [d, b, a, c]
    wrong = [{"id": medium(1), "newPosition": "0"}]
    told = shop.data(REORDER, id=product_id(product), m=wrong)
    assert code(told, "mediaUserErrors") == ["MEDIA_DOES_NOT_EXIST_ON_PRODUCT"]


def test_deleting_a_file_takes_it_out_of_products_and_variants_for_good(shop: Shop, photo: bytes) -> None:
    product = shop.add(photo=photo, photos=2, variants=[{"title": "S", "photo": 0}])
    first, second = product["media"]
    (before,) = poll(shop, medium(first))
    shop.data(DELETE, i=[medium(first)])
    found = shop.platform.site.catalogue.product(shop.name, product["id"])
    assert found is not None
    assert (found["media"], found["variants"][0]["media"]) == ([second], [])
    assert requests.get(before["image"]["url"], timeout=20).status_code == 404
    assert code(shop.data(DELETE, i=[medium(first)])) == ["FILE_DOES_NOT_EXIST"]


def test_a_product_has_250_pictures_at_most(shop: Shop, photo: bytes) -> None:
    product = shop.add(photo=photo, photos=249)
    media = [{"originalSource": "http://127.0.0.1:9/x.jpg", "mediaContentType": "IMAGE"}] * 2
    told = shop.data(ADD, p={"id": product_id(product)}, m=media)["productUpdate"]
    assert "limit of media per product" in told["userErrors"][0]["message"]
    assert len(shop.media(product["id"])) == 249


def test_files_are_found_by_name(shop: Shop, photo: bytes) -> None:
    shop.add("Vase", photo=photo, photos=2)
    query = "query F($q: String){files(first: 9, query: $q){nodes{id ... on MediaImage{image{url}}}}}"
    assert len(shop.data(query, q="filename:vase-1.jpg")["files"]["nodes"]) == 1
    assert len(shop.data(query, q="filename:vase*")["files"]["nodes"]) == 2
    assert shop.data(query, q="filename:cup*")["files"]["nodes"] == []


def test_a_made_up_picture_can_be_changed_and_deleted_like_any_other(
    shop: Shop, platform: ShopifySandbox
) -> None:
    platform.site.fill(shop.name, 3, photos=1)
    picture, other = (medium(9_100_000_000_000 + n) for n in (10, 20))
    assert code(shop.data(UPDATE, f=[{"id": picture, "alt": "Mine"}])) == []
    (found,) = shop.data("query($i: [ID!]!){nodes(ids: $i){... on MediaImage{alt}}}", i=[picture])["nodes"]
    assert found == {"alt": "Mine"}
    shop.data(DELETE, i=[other])
    assert poll(shop, other) == [None]
    assert shop.media(9_000_000_000_002) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"title": "New", "tags": ["x"]}, []),
        ({"title": " "}, ["Title can't be blank"]),
        ({"id": "x"}, ["Product does not exist"]),
    ],
)
def test_a_products_own_fields_can_be_changed(shop: Shop, changes: dict[str, Any], told: list[str]) -> None:
    product = shop.add(photos=0)
    answer = shop.data(ADD, p={"id": product_id(product), **changes})["productUpdate"]
    assert [error["message"] for error in answer["userErrors"]] == told
    found = shop.platform.site.catalogue.product(shop.name, product["id"])
    assert found is not None
    assert found["title"] == ("Cup" if told else "New")
