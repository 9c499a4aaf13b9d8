"""What a member hears of by mail, and the switch in each mail, which needs no login."""

from __future__ import annotations

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from apps.accounts import services as accounts
from apps.accounts.models import Member, Role
from apps.dashboard.access import Asked, action, page_for
from apps.dashboard.showing import back, show
from apps.notices import selectors
from apps.notices.models import How, Kind
from apps.notices.services import choosing

PAGE = "dashboard:notices"


class WishesForm(forms.Form):
    """One choice per kind of notice."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        for kind in Kind:
            self.fields[kind.value] = forms.ChoiceField(
                label=str(kind.label), choices=[(how.value, str(how.label).capitalize()) for how in How]
            )


@page_for(Role.VIEWER)
def notices(request: Asked) -> HttpResponse:
    """Everybody chooses for themselves."""
    member = Member.objects.select_related("user").get(user=request.user, workspace=request.workspace)
    if request.method == "POST":
        form = WishesForm(request.POST)
        if form.is_valid():
            new = choosing.choose(member, form.cleaned_data, by=request.actor)
            return back(request, PAGE, ok="Saved." if new else "Everything stays as it is.")
        return back(request, PAGE, trouble="Choose one of the three for each kind.")
    context = {
        "form": WishesForm(initial=selectors.wishes(member)),
        "address": request.user.email,
        "where": AddressForm(initial={"address": request.user.email}),
    }
    return show(request, "notices.html", context)


class AddressForm(forms.Form):
    """Where one's own mail goes."""

    address = forms.EmailField(
        label="Your mail address",
        required=False,
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )


@action(Role.VIEWER)
def set_address(request: Asked) -> HttpResponse:
    """Everybody their own: who comes from a shop's administration brings none along."""
    form = AddressForm(request.POST)
    if not form.is_valid():
        return back(request, PAGE, trouble="That is not a mail address.")
    new = accounts.set_address(
        request.user, form.cleaned_data["address"], by=request.actor, workspace=request.workspace.pk
    )
    return back(request, PAGE, ok="Saved." if new else "Everything stays as it is.")


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def mail_off(request: HttpRequest, token: str) -> HttpResponse:
    """The switch of a mail. Only POST changes anything: mail servers open every address to look for malware.

    Programs post ``List-Unsubscribe=One-Click`` here (RFC 8058) without a CSRF token; the signed address is the proof.
    """
    switch = choosing.switch(token)
    if switch is None:
        raise Http404("This address is not one of ours, or its owner is no member any more.")
    context = {"switch": switch, "done": request.method == "POST", "everything": "all" in request.POST}
    if request.method == "POST":
        choosing.switch_off(switch, everything="all" in request.POST)
    answer = render(request, "dashboard/mail_off.html", context)
    answer["Referrer-Policy"] = "no-referrer"  # the address is a key
    answer["Cache-Control"] = "no-store"
    return answer
