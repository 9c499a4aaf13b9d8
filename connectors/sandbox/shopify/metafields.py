"""Fields that an app keeps with a product: set and deleted. Reading one is a field of the product."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.sandbox.shopify.changes import Wrong, guarded
from connectors.sandbox.shopify.engine import Call, refused
from connectors.sandbox.shopify.fields import Field, namespace_of, number
from connectors.sandbox.shopify.memory import Doc
from connectors.sandbox.shopify.payloads import gid
from connectors.sandbox.shopify.scopes import covered

MOST, MAX_LINE_BYTES = 25, 65_536
_TYPES = {"single_line_text_field", "multi_line_text_field", "json"}


@guarded("userErrors", lambda: {"metafields": None})
def _set(call: Call, metafields: Sequence[Doc]) -> Doc:
    if len(metafields) > MOST:
        raise refused(f"Exceeded the maximum metafields input limit of {MOST}.", "BAD_REQUEST")
    made = []
    for n, given in enumerate(metafields):
        path = ["metafields", str(n)]
        product, namespace = _owner(call, given, path), namespace_of(given.get("namespace"))
        if given.get("type") not in _TYPES:
            raise Wrong("INVALID_TYPE", [*path, "type"], "Type can't be blank or is not played")
        if not given["value"]:
            raise Wrong("BLANK", [*path, "value"], "Value can't be blank.")
        one_line = given["type"] == "single_line_text_field"
        if len(given["value"].encode()) > MAX_LINE_BYTES or (one_line and "\n" in given["value"]):
            raise Wrong("INVALID_VALUE", [*path, "value"], "Value is not valid for its type.")
        made.append(
            {
                "id": gid("Metafield", call.site.memory.next_id()),
                "namespace": namespace,
                **{name: given[name] for name in ("key", "value", "type")},
            }
        )
        product.setdefault("metafields", {})[f"{namespace}.{given['key']}"] = made[-1]
        call.site.catalogue.save(call.shop, product)
    return {"metafields": made}


@guarded("userErrors", lambda: {"deletedMetafields": None})
def _delete(call: Call, metafields: Sequence[Doc]) -> Doc:
    gone: list[Doc | None] = []
    for n, given in enumerate(metafields):
        product, namespace = _owner(call, given, ["metafields", str(n)]), namespace_of(given["namespace"])
        there = product.get("metafields", {}).pop(f"{namespace}.{given['key']}", None)
        if there is not None:
            call.site.catalogue.save(call.shop, product)
        told = {"ownerId": given["ownerId"], "namespace": namespace, "key": given["key"]}
        gone.append(told if there is not None else None)
    return {"deletedMetafields": gone}


def _owner(call: Call, given: Doc, path: list[str]) -> Doc:
    """The product. Who may write products may write their fields."""
    if "write_products" not in covered(call.granted):
        words = "Access denied. Required access: `write_products` access scope."
        raise refused(words, "ACCESS_DENIED", requiredAccess="`write_products` access scope.")
    found = call.site.catalogue.product(call.shop, number(given["ownerId"], "Product"))
    if found is None:
        raise Wrong("INVALID", [*path, "ownerId"], "Owner does not exist.")
    return found


FIELDS: dict[str, Field] = {"metafieldsDelete": _delete, "metafieldsSet": _set}
