"""Which scopes a field needs: as published, else the few that concern what the sandbox plays by itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

# Any one of them opens it. A published file knows more; a test holds this part against it.
PLAYED: Mapping[str, tuple[str, ...]] = {
    "Product": ("read_products",),
    "ProductVariant": ("read_products",),
    "Collection": ("read_products",),
    "MediaImage": (
        *("read_products", "read_files", "read_themes", "read_orders", "read_draft_orders", "read_images"),
        "read_quick_sale",
    ),
    "QueryRoot.files": ("read_files", "read_themes", "read_images"),
    "QueryRoot.productsCount": ("read_products",),
    "Mutation.fileAcknowledgeUpdateFailed": ("write_files",),
    "Mutation.fileCreate": ("write_files", "write_themes", "write_images"),
    "Mutation.fileDelete": ("write_files",),
    "Mutation.fileUpdate": ("write_files", "write_themes"),
    "Mutation.productReorderMedia": ("write_products",),
    "Mutation.productUpdate": ("write_products",),
    "Mutation.productVariantAppendMedia": ("write_products",),
    "Mutation.productVariantDetachMedia": ("write_products",),
}


def covered(granted: Iterable[str]) -> frozenset[str]:
    """What these scopes open: writing implies reading."""
    have = set(granted)
    return frozenset(
        have | {f"read_{scope.removeprefix('write_')}" for scope in have if scope.startswith("write_")}
    )


def wanted(needs: Mapping[str, tuple[str, ...]], parent: str, field: str, kind: str) -> tuple[str, ...]:
    """The scopes of which one opens `parent.field`, which is of the type `kind`; empty where none is needed."""
    return needs.get(f"{parent}.{field}") or needs.get(kind, ())
