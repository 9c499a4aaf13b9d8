"""What a log says of an error: what happened and where, never what the variables held."""

import json
import logging
import logging.config
from io import StringIO

import pytest
import structlog

from apps.config import logs

SECRET = "ck_1234567890abcdef"


def fail() -> None:
    key = SECRET
    if key:
        raise ValueError("the store refused")


@pytest.fixture(params=["json", "console"])
def written(request: pytest.FixtureRequest) -> StringIO:
    """What a logger `tested` writes, each error with its traceback, from the library's side and from ours."""
    out = StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(logs.formatter(as_json=request.param == "json"))
    logger = logging.getLogger(f"tested.{request.param}")
    logger.addHandler(handler)
    logger.propagate = False
    try:
        fail()
    except ValueError:
        logger.exception("task %s failed", "flow.publish")
    return out


def test_a_librarys_error_is_told_with_its_traceback_and_without_what_variables_held(
    written: StringIO,
) -> None:
    text = written.getvalue()
    assert "task flow.publish failed" in text
    assert "ValueError: the store refused" in text and "in fail" in text
    assert SECRET not in text


def test_an_error_of_ours_is_told_the_same_way() -> None:
    out = StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(logs.formatter(as_json=True))
    logger = logging.getLogger("tested.ours")
    logger.addHandler(handler)
    logger.propagate = False
    try:
        fail()
    except ValueError:
        structlog.get_logger("tested.ours").exception("render_stumbled", attempt=7)
    [line] = out.getvalue().splitlines()
    told = json.loads(line)
    assert (told["event"], told["attempt"], told["level"]) == ("render_stumbled", 7, "error")
    assert "ValueError: the store refused" in told["exception"] and SECRET not in line
