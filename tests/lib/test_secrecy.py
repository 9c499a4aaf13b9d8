"""The look for secrets finds them in each spelling: a search that finds nothing must have been able to find something."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus, urlencode

import pytest

from tests import secrecy

SECRET = "cs_plan+ted/secret of ours é!"


@pytest.mark.parametrize(
    "written",
    [
        f"log line: {SECRET} and more",
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        urlencode({"consumer_secret": SECRET}),
        json.dumps({"secret": SECRET}),
        SECRET.encode().hex(),
        *(
            base64.b64encode(f"{'u' * n}:{SECRET}{'z' * m}".encode()).decode()
            for n in range(4)
            for m in range(3)
        ),
        base64.urlsafe_b64encode(f"user:{SECRET}".encode()).decode(),
        "Authorization: Basic " + base64.b64encode(f"ck_1:{SECRET}".encode()).decode(),
    ],
)
def test_a_secret_is_found_however_it_is_written(written: str) -> None:
    assert secrecy.shown([SECRET], f"before {written} after") == {"cs_pla…"}


def test_other_texts_hold_none() -> None:
    assert secrecy.shown([SECRET], "cs_plan+ted/secret of others é!") == set()
    assert secrecy.consumer_secrets("cs_" + "a" * 39) == set()
    assert secrecy.consumer_secrets("cs_" + "a1" * 20) == {"cs_a1a1a1…"}
