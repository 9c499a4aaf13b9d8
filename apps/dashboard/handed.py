"""What a store hands over in the address of the browser that it sends back: taken out of the request before anything
else sees it, so that no log, no login page and no error report can hold a password."""

from __future__ import annotations

import re
from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

# As in apps.dashboard.urls.
ARRIVALS = re.compile(
    r"/stores/connect/(?:password|keys)/back/?|/shopify(?:/(?:token|enter|install|callback)?/?)?"
)
# Where servers keep the address as it came, beside QUERY_STRING: gunicorn's access log is written from it.
AS_IT_CAME = ("RAW_URI", "REQUEST_URI")


def out_of_sight(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Middleware, the first of all. On these addresses the query moves to `request.handed_over` and is gone elsewhere.

    The dictionary that it is taken from is the server's own, so the line that the server writes after the answer
    lacks it too. Nothing that is shown there is kept by a browser or told to the next address.
    """

    def answer(request: HttpRequest) -> HttpResponseBase:
        if not ARRIVALS.fullmatch(request.path_info):
            return get_response(request)
        # Read by the views of these addresses; a name that comes twice is none of a signed query's.
        request.handed_over = request.GET.dict()  # type: ignore[attr-defined]
        request.handed_pairs = [  # type: ignore[attr-defined]
            (name, value) for name, values in request.GET.lists() for value in values
        ]
        request.META["QUERY_STRING"] = ""
        for name in AS_IT_CAME:
            if name in request.META:
                request.META[name] = request.path
        del request.GET  # it was kept; now it is empty
        response = get_response(request)
        response["Referrer-Policy"] = "no-referrer"
        response["Cache-Control"] = "no-store"
        return response

    return answer
