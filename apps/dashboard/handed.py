"""What a store hands over in the address of the browser that it sends back: taken out of the request before anything
else sees it, so that no log, no login page and no error report can hold a password."""

from __future__ import annotations

import re
from collections.abc import Callable

from django.http import HttpRequest, QueryDict
from django.http.response import HttpResponseBase

# As in apps.dashboard.urls.
ARRIVALS = re.compile(
    r"/stores/connect/(?:password|keys)/back/?|/shopify(?:/(?:token|enter|install|callback)?/?)?"
)
# What Shopify's administration adds to the address of any page of ours that it opens in its frame.
OF_THE_FRAME = ("id_token", "embedded", "hmac", "host", "locale", "session", "shop", "timestamp")
# Where servers keep the address as it came, beside QUERY_STRING: gunicorn's access log is written from it.
AS_IT_CAME = ("RAW_URI", "REQUEST_URI")


def out_of_sight(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Middleware, the first of all. What was handed over moves to `request.handed_over` and is gone elsewhere: on the
    addresses that stores lead back to all of the query, on others what belongs to a frame, where a token came along.

    The dictionary that it is taken from is the server's own, so the line that the server writes after the answer
    lacks it too. Nothing that is shown there is kept by a browser or told to the next address.
    """

    def answer(request: HttpRequest) -> HttpResponseBase:
        given = request.GET
        if ARRIVALS.fullmatch(request.path_info):
            taken = set(given)
        elif "id_token" in given or "embedded" in given:
            taken = set(OF_THE_FRAME) & set(given)
        else:
            request.handed_over = {}  # type: ignore[attr-defined]  # read by the frame's middleware too
            return get_response(request)
        _take(request, taken)
        response = get_response(request)
        response["Referrer-Policy"] = "no-referrer"
        response["Cache-Control"] = "no-store"
        return response

    return answer


def _take(request: HttpRequest, taken: set[str]) -> None:
    given = request.GET
    # Read by the views of these addresses; a name that comes twice is none of a signed query's.
    request.handed_over = {name: given[name] for name in taken}  # type: ignore[attr-defined]
    request.handed_pairs = [  # type: ignore[attr-defined]
        (name, value) for name, values in given.lists() if name in taken for value in values
    ]
    left = QueryDict(mutable=True)
    for name, values in given.lists():
        if name not in taken:
            left.setlist(name, values)
    request.META["QUERY_STRING"] = query = left.urlencode()
    for name in AS_IT_CAME:
        if name in request.META:
            request.META[name] = f"{request.path}?{query}" if query else request.path
    del request.GET  # it was kept; what is left is read anew
