"""How every change of the API goes: all of it or nothing, and what is wrong comes back as a user error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from connectors.sandbox.shopify.engine import Call
from connectors.sandbox.shopify.fields import Field
from connectors.sandbox.shopify.memory import Doc


class Wrong(Exception):
    """A user error: its code, the path of what is wrong, words."""

    def __init__(self, code: str, path: Sequence[str], words: str) -> None:
        super().__init__(words)
        self.told = {"code": code, "field": list(path), "message": words}


def guarded(errors: str, empty: Callable[..., Doc]) -> Callable[[Callable[..., Doc]], Field]:
    """A mutation that does all of it or nothing: what is wrong comes back as a user error under `errors`."""

    def around(change: Callable[..., Doc]) -> Field:
        def mutation(root: Any, call: Call, **given: Any) -> Doc:
            call.site.jobs.settle()
            try:
                with call.site.memory.change():
                    return {errors: [], **change(call, **given)}
            except Wrong as wrong:
                return {errors: [wrong.told], **empty()}

        return mutation

    return around
