"""The package as a library: the registry, the error tree, and that nothing of Django is needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from connectors import errors, registry
from connectors.base import Connector
from connectors.errors import ConnectorError, Retry, Stop, Unsupported
from connectors.types import Credentials

HOUSE = Path(registry.__file__).parents[1]

PROGRAM = """
import builtins, pkgutil, importlib, sys
real = builtins.__import__
def guarded(name, *args, **kwargs):
    if name.split(".")[0] in {"django", "apps", "celery", "torch", "rest_framework"}:
        raise ImportError(f"blocked: {name}")
    return real(name, *args, **kwargs)
builtins.__import__ = guarded
import connectors
for module in pkgutil.walk_packages(connectors.__path__, "connectors."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
assert not any(name.split(".")[0] == "django" for name in sys.modules), "django was imported"
from connectors.base import Opening
from connectors.fake import FakeStore
store = FakeStore("https://memory.example")
store.add_product("Cup")
connector = connectors.registry.get("fake")(Opening(store.url, store.credentials))
print(connector.products().products[0].title)
"""


def test_every_module_imports_and_works_with_django_blocked() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=HOUSE, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""
    assert done.stdout.strip() == "Cup"


def test_every_platform_has_a_connector_that_bears_its_name() -> None:
    for platform in registry.platforms():
        found = registry.get(platform)
        assert issubclass(found, Connector)
        assert found.platform == platform


def test_an_unknown_platform_is_named_with_what_there_is() -> None:
    with pytest.raises(Unsupported, match=r"'magento'.*woocommerce"):
        registry.get("magento")


def test_every_error_says_retry_or_stop_and_has_a_sentence_for_the_merchant() -> None:
    leaves = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type)
        and issubclass(kind, ConnectorError)
        and kind not in {ConnectorError, Retry, Stop}
    ]
    assert len(leaves) >= 10
    for kind in leaves:
        assert issubclass(kind, Retry) != issubclass(kind, Stop)
        assert kind("detail").message.endswith("(detail)")
        assert len(kind("").sentence) > 20


def test_printing_credentials_shows_which_there_are_and_none_of_them() -> None:
    text = repr(Credentials(key="ck_planted", secret="cs_planted"))
    assert "planted" not in text
    assert "key" in text
