"""Who uses Vitrine: people, the workspaces they belong to, and keys for programs."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    """A person who logs in. Ours from the start, so that it can grow."""


class Workspace(models.Model):
    """A merchant's account: stores, recipes, jobs and the audit trail belong to one."""

    name = models.CharField(max_length=120)
    created_at = models.DateTimeField(auto_now_add=True)
    members = models.ManyToManyField(User, through="Member", related_name="workspaces")

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    """From most to least: an owner may do all, a reviewer decides, a viewer looks."""

    OWNER = "owner", "owner"
    REVIEWER = "reviewer", "reviewer"
    VIEWER = "viewer", "viewer"


class Member(models.Model):
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE)
    role = models.CharField(max_length=10, choices=Role, default=Role.VIEWER)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "workspace"], name="accounts_member_once")]

    def __str__(self) -> str:
        return f"{self.user} in {self.workspace}: {self.role}"


class Identity(models.Model):
    """A member as the administration of a shop knows them. Issuer, shop and subject together say who it is; an e-mail
    address never does."""

    issuer = models.CharField(max_length=20)
    shop = models.CharField(max_length=100)
    subject = models.CharField(max_length=64)
    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="identities")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["issuer", "shop", "subject"], name="accounts_identity_once")
        ]
        verbose_name_plural = "identities"

    def __str__(self) -> str:
        return f"{self.issuer} {self.subject} of {self.shop}"


class ApiKey(models.Model):
    """A key for programs. Only its SHA-256 is kept; the key itself is shown once."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=12)
    sha256 = models.CharField(max_length=64, unique=True)
    role = models.CharField(max_length=10, choices=Role, default=Role.REVIEWER)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
