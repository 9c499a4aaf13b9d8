"""Connected storefronts, and the ledger of what we wrote into them."""

from __future__ import annotations

from django.db import models

from apps.accounts.models import Workspace
from apps.lib import ids
from apps.lib.crypto import EncryptedJSONField
from apps.lib.work import Work


class StoreState(models.TextChoices):
    CONNECTED = "connected", "connected"
    BROKEN = "broken", "needs attention"
    DISCONNECTED = "disconnected", "disconnected"


class Store(models.Model):
    """One installed storefront. `hook_token` names it in our webhook address; secrets are encrypted."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="stores")
    platform = models.CharField(max_length=20)
    name = models.CharField(max_length=200)
    url = models.URLField(max_length=300)
    # Where its API was found; empty for the platform's usual place.
    api_root = models.CharField(max_length=400, blank=True, default="", db_default="")
    # What its platform calls it, where that has a name for it; then it belongs to one workspace.
    shop = models.CharField(max_length=100, blank=True, default="", db_default="")
    # When access was given last: what is told of earlier has passed.
    authorised_at = models.DateTimeField(null=True, blank=True)
    # When the app was last seen to be in the shop, because somebody there had it open.
    opened_at = models.DateTimeField(null=True, blank=True)
    # Its people come in from the shop's own administration.
    open_to_shop = models.BooleanField(default=False, db_default=False)
    state = models.CharField(max_length=12, choices=StoreState, default=StoreState.CONNECTED)
    problem = models.TextField(blank=True, default="")
    region = models.CharField(max_length=40, default="local")
    credentials = EncryptedJSONField()
    hook_token = models.CharField(max_length=64, unique=True, default=ids.token)
    hook_secret = EncryptedJSONField()
    can_upload = models.BooleanField(default=False)
    about = models.JSONField(default=dict)
    # Changes up to here were seen by polling; GMT, read with an overlap.
    watermark = models.DateTimeField(null=True, blank=True)
    refused_deliveries = models.PositiveIntegerField(default=0)
    last_refusal = models.CharField(max_length=200, blank=True, default="")
    last_refused_at = models.DateTimeField(null=True, blank=True)
    last_delivery_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "platform", "url"], name="stores_store_once"),
            models.UniqueConstraint(
                fields=["platform", "shop"], condition=~models.Q(shop=""), name="stores_shop_once"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ApprovalState(models.TextChoices):
    ASKED = "asked", "waiting for the store"
    GIVEN = "given", "being checked"
    CONNECTED = "connected", "connected"
    REFUSED = "refused", "refused"
    FAILED = "failed", "did not work"
    EXPIRED = "expired", "too late"


class Approval(Work):
    """Somebody was sent to their store to give us access. The store answers under a token of which we keep the hash
    only.

    The token stands for workspace, person, way and address; it is good once, until `expires_at`. What is given stays
    sealed in `credentials` until it was tried at `url`, and is then either the store's or gone. `also` is another
    address that the store calls itself by. As work it is due when something was given, or when its time is over.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="approvals")
    platform = models.CharField(max_length=20)
    way = models.CharField(max_length=20)
    asked_by = models.CharField(max_length=64)
    token_sha256 = models.CharField(max_length=64, unique=True)
    url = models.URLField(max_length=300)
    api_root = models.CharField(max_length=400)
    name = models.CharField(max_length=200, blank=True, default="")
    also = models.CharField(max_length=400, blank=True, default="")
    notes = models.JSONField(default=list)
    state = models.CharField(max_length=10, choices=ApprovalState, default=ApprovalState.ASKED)
    credentials = EncryptedJSONField(null=True)
    store = models.ForeignKey(Store, on_delete=models.SET_NULL, null=True, related_name="approvals")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["work_state", "hint_after"], name="stores_approval_due")]

    def __str__(self) -> str:
        return f"{self.way} for {self.url}"


class Install(models.Model):
    """A browser was sent to a shop's page on which access is approved. It comes back with a state of which we keep the
    hash only: good once, until `expires_at`, in that browser, for that shop.

    `workspace` is who asked for it from inside; none where a shop starts by itself.
    """

    platform = models.CharField(max_length=20)
    shop = models.CharField(max_length=100)
    state_sha256 = models.CharField(max_length=64, unique=True)
    browser_sha256 = models.CharField(max_length=64)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, null=True, related_name="installs")
    asked_by = models.CharField(max_length=64, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"install of {self.shop}"


class LegalKind(models.TextChoices):
    """As `connectors.types.Kind` has them."""

    DATA_REQUEST = "data_request", "tell what is held of a customer"
    CUSTOMER_REDACT = "customer_redact", "forget a customer"
    SHOP_REDACT = "shop_redact", "forget the shop"


class LegalRequest(Work):
    """What the law has a platform hand on. Of the message only these columns are kept: it holds names and addresses.

    `customer` is the number by which the platform knows somebody, `request` that of its request; `answer` is what an
    owner can download.
    """

    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="legal_requests")
    kind = models.CharField(max_length=20, choices=LegalKind)
    webhook_id = models.CharField(max_length=100)
    customer = models.CharField(max_length=40, blank=True, default="")
    request = models.CharField(max_length=40, blank=True, default="")
    triggered_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    done_at = models.DateTimeField(null=True, blank=True)
    answer = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["store", "webhook_id"], name="stores_legal_once")]
        indexes = [models.Index(fields=["work_state", "hint_after"], name="stores_legal_due")]

    def __str__(self) -> str:
        return f"{self.kind} for {self.store_id}"


class WrittenMedia(models.Model):
    """A media item that we put into a store. What is listed here is never taken for a merchant's photo.

    `photo` is the photo whose place it took (a number: the catalogue stands above); none for an original put back.
    """

    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="written_media")
    media_id = models.CharField(max_length=64)
    stem = models.CharField(max_length=120, blank=True, default="")
    sha256 = models.CharField(max_length=64, blank=True, default="")
    publication = models.BigIntegerField(null=True, blank=True)
    photo = models.BigIntegerField(null=True, blank=True, db_index=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["store", "media_id"], name="stores_written_once")]
        indexes = [models.Index(fields=["store", "stem"], name="stores_written_stem")]

    def __str__(self) -> str:
        return f"{self.stem} = {self.media_id}"
