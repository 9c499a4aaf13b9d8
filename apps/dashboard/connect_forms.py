"""Forms that connect a store. Keys and passwords are never shown again, not even when another field was wrong."""

from __future__ import annotations

from typing import Any

from django import forms

from connectors.types import Credentials

PLATFORMS = [("woocommerce", "WooCommerce")]


class Secret(forms.PasswordInput):
    """A field whose value the server never sends back, and that browsers do not offer to fill in."""

    def __init__(self, **attrs: str) -> None:
        super().__init__(attrs={"autocomplete": "off", "spellcheck": "false", **attrs}, render_value=False)


ADDRESS_HELP = "As shoppers type it, or copied from any page of the shop or its administration."


class AddressForm(forms.Form):
    """Where the store is, in whatever form."""

    url = forms.CharField(
        label="Address of the store",
        max_length=300,
        help_text=f"WooCommerce or Shopify. {ADDRESS_HELP}",
        widget=forms.TextInput(
            attrs={
                "inputmode": "url",
                "autocomplete": "url",
                "placeholder": "shop.example.com",
                "autocapitalize": "none",
            }
        ),
    )


class ConnectForm(forms.Form):
    """Address and keys of a WooCommerce store. User and application password let us upload files ourselves."""

    platform = forms.ChoiceField(choices=PLATFORMS, initial=PLATFORMS[0][0], widget=forms.HiddenInput())
    url = forms.CharField(
        label="Address of the store",
        max_length=300,
        help_text=ADDRESS_HELP,
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "url"}),
    )
    key = forms.CharField(
        label="Consumer key",
        max_length=200,
        required=False,
        widget=Secret(),
        help_text="In WooCommerce: Settings, Advanced, REST API, Add key, with read and write permission.",
    )
    secret = forms.CharField(label="Consumer secret", max_length=200, required=False, widget=Secret())
    user = forms.CharField(
        label="WordPress user",
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text="With an application password pictures are uploaded straight into the media library. It also works "
        "alone, without a consumer key.",
    )
    app_password = forms.CharField(
        label="Application password", max_length=200, required=False, widget=Secret()
    )

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        pairs = [("key", "secret"), ("user", "app_password")]
        if any(bool(found.get(one)) != bool(found.get(other)) for one, other in pairs):
            raise forms.ValidationError(
                "Consumer key and secret belong together, and so do user and application password: give both or none."
            )
        if not found.get("key") and not found.get("user"):
            raise forms.ValidationError(
                "Give a consumer key with its secret, or a user with an application password."
            )
        return found

    def wish(self) -> dict[str, Any]:
        """What `stores.services.connect` takes."""
        data = self.cleaned_data
        return {
            "platform": data["platform"],
            "url": data["url"],
            "credentials": Credentials(
                key=data["key"].strip(),
                secret=data["secret"].strip(),
                user=data["user"].strip(),
                app_password=data["app_password"].strip(),
            ),
        }
