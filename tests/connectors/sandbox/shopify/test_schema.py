"""The part of the schema that lies here is a part of the published one, and the door to that can be trusted."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLSchema,
    get_named_type,
    is_enum_type,
    is_input_object_type,
    is_scalar_type,
    is_union_type,
    print_ast,
)
from graphql.utilities.get_default_value_ast import get_default_value_ast

from connectors.sandbox.shopify import api, published
from connectors.sandbox.shopify.engine import rules
from connectors.sandbox.shopify.fields import FIELDS, LISTS
from connectors.sandbox.shopify.scopes import PLAYED, covered

assert api  # it is what fills the tables of the root types


def named(schema: GraphQLSchema) -> list[Any]:
    return [kind for name, kind in schema.type_map.items() if not name.startswith("__")]


@pytest.mark.parametrize("version", published.VERSIONS)
def test_every_line_of_our_part_is_in_the_published_schema(shopify_schemas: Path, version: str) -> None:
    ours, theirs = rules(version, None)[0], rules(version, shopify_schemas)[0]
    for kind in named(ours):
        other: Any = theirs.type_map[kind.name]
        assert type(kind) is type(other), kind.name
        if is_scalar_type(kind):
            continue
        if is_union_type(kind):
            assert {one.name for one in kind.types} <= {one.name for one in other.types}, kind.name
            continue
        if is_enum_type(kind):
            for name in kind.values:
                assert other.values[name].deprecation_reason is None, f"{kind.name}.{name}"
            continue
        for name, field in kind.fields.items():
            found = other.fields[name]
            assert str(field.type) == str(found.type), f"{kind.name}.{name}"
            assert found.deprecation_reason is None, f"{kind.name}.{name}"
            if is_input_object_type(kind):
                assert _same(field, found), f"{kind.name}.{name}"
                continue
            for argument, given in field.args.items():
                known = found.args[argument]
                assert str(given.type) == str(known.type), f"{kind.name}.{name}({argument})"
                assert known.deprecation_reason is None, f"{kind.name}.{name}({argument})"
                assert _same(given, known), f"{kind.name}.{name}({argument})"
        for interface in getattr(kind, "interfaces", ()):
            assert interface.name in {one.name for one in other.interfaces}, kind.name


def _same(ours: Any, theirs: Any) -> bool:
    """The same default, however it was told."""
    first, second = (get_default_value_ast(one) for one in (ours, theirs))
    return (first and print_ast(first)) == (second and print_ast(second))


@pytest.mark.parametrize("version", published.VERSIONS)
def test_no_required_argument_or_input_is_left_out_of_our_part(shopify_schemas: Path, version: str) -> None:
    ours, theirs = rules(version, None)[0], rules(version, shopify_schemas)[0]
    for kind in named(ours):
        other: Any = theirs.type_map[kind.name]
        if is_input_object_type(kind):
            needed = {n for n, f in other.fields.items() if str(f.type).endswith("!") and not f.default}
            assert needed <= set(kind.fields), kind.name
        for name, field in getattr(kind, "fields", {}).items():
            known = getattr(other.fields[name], "args", {})
            needed = {n for n, a in known.items() if str(a.type).endswith("!") and not a.default}
            assert needed <= set(getattr(field, "args", {})), f"{kind.name}.{name}"


@pytest.mark.parametrize("version", published.VERSIONS)
def test_the_scopes_written_here_are_the_published_ones(shopify_schemas: Path, version: str) -> None:
    ours, theirs = rules(version, None), rules(version, shopify_schemas)
    for name, any_of in PLAYED.items():
        assert set(any_of) == set(theirs[1][name]), name
    for kind in named(ours[0]):
        for place in [kind.name, *(f"{kind.name}.{name}" for name in getattr(kind, "fields", {}))]:
            if place in theirs[1] and place not in PLAYED:
                # What is told of a field is told of its type already, and the other way round.
                opened = covered(("write_products", "write_files"))
                assert set(theirs[1][place]) & opened, place


def test_every_field_of_our_part_is_played(shopify_schemas: Path) -> None:
    schema = rules("2026-10", None)[0]
    for kind in (
        "Product",
        "ProductVariant",
        "MediaImage",
        "Image",
        "Collection",
        "ProductOption",
        "QueryRoot",
        "Mutation",
    ):
        fields: Any = schema.type_map[kind]
        played = set(FIELDS.get(kind, {})) | set(LISTS.get(kind, {}))
        assert set(fields.fields) <= played, kind


@pytest.mark.parametrize("version", published.VERSIONS)
def test_what_is_played_beyond_our_part_is_published(shopify_schemas: Path, version: str) -> None:
    theirs = rules(version, shopify_schemas)[0]
    for kind in (*FIELDS, *LISTS):
        fields: Any = theirs.type_map[kind]
        for name in (*FIELDS.get(kind, {}), *LISTS.get(kind, {})):
            assert get_named_type(fields.fields[name].type), f"{kind}.{name}"


# -- the door ---------------------------------------------------------------------------------------------


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No schema there yet."""
    monkeypatch.delenv(published.ENVIRONMENT, raising=False)
    monkeypatch.setattr(published, "folder", lambda: tmp_path / "schemas" / "1")
    return tmp_path


def npm_that(folder: Path, does: str) -> Path:
    tool = folder / "npm"
    tool.write_text(f"#!/bin/sh\n{does}\n")
    tool.chmod(0o755)
    return tool


def test_without_npm_the_words_say_what_to_do(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(elsewhere))
    with pytest.raises(published.Missing, match=r"no npm here.*apt-get install npm.*VITRINE_SHOPIFY_SCHEMAS"):
        published.obtain()


def test_another_file_than_the_pinned_one_is_not_unpacked(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = npm_that(elsewhere, 'echo other > "${8}/package.tgz"')
    monkeypatch.setattr("shutil.which", lambda name: str(tool))
    told = base64.b64encode(hashlib.sha512(b"other\n").digest()).decode()
    with pytest.raises(published.Missing, match="not the file that is pinned") as caught:
        published.obtain()
    assert told in str(caught.value)
    assert not published.folder().exists()


def test_a_registry_that_does_not_answer_is_told_in_its_own_words(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = npm_that(elsewhere, "echo no network >&2; exit 1")
    monkeypatch.setattr("shutil.which", lambda name: str(tool))
    with pytest.raises(published.Missing, match=r"could not bring .* no network"):
        published.obtain()
    npm_that(elsewhere, "echo and another answer >&2; exit 1")
    with pytest.raises(
        published.Missing, match="no network"
    ):  # known for a while, so that nobody waits again
        published.obtain()


def test_a_named_folder_without_the_files_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(published.ENVIRONMENT, str(tmp_path))
    with pytest.raises(published.Missing, match="where schemas are missing"):
        published.obtain()
