"""The stage's secrets: one per vendor, to be filled in, and the keys that we sign with."""

from __future__ import annotations

import string

from aws_cdk import SecretValue
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.nag import acknowledge
from infra.stage import SIMULATOR, StageConfig

_KEY_LENGTH = 64


class Secrets(Construct):
    """`<prefix>/providers/<vendor>` for each vendor, and `<prefix>/signing`."""

    def __init__(self, scope: Construct, construct_id: str, *, stage: StageConfig) -> None:
        super().__init__(scope, construct_id)
        self._stage = stage
        for vendor in stage.providers:
            self._build_vendor(vendor)
        if stage.smoke_simulator:
            self._build_simulator()
        if stage.alarms_webhook_secret is not None:
            self._build_chat(stage.alarms_webhook_secret)
        self._build_signing()

    def _build_vendor(self, vendor: str) -> None:
        secret = secretsmanager.Secret(
            self,
            f"Provider{vendor.title()}",
            secret_name=f"{self._stage.secrets_prefix}/providers/{vendor}",
            description=f"Credentials of {vendor}: a JSON object, filled in by the operator",
            # Only a first value: later deployments leave what the operator wrote.
            secret_string_value=SecretValue.unsafe_plain_text("{}"),
            removal_policy=self._stage.removal_policy,
        )
        acknowledge(secret, "SMG4", "The vendor issues this key; only a person can renew it there.")

    def _build_simulator(self) -> None:
        """Make up the simulated vendor's key: nobody has to fill it in."""
        secret = secretsmanager.Secret(
            self,
            "ProviderSimulator",
            secret_name=f"{self._stage.secrets_prefix}/providers/{SIMULATOR}",
            description="Key of the vendor that this stage simulates",
            generate_secret_string=secretsmanager.SecretStringGenerator(
                exclude_punctuation=True,
                generate_string_key="api_key",
                password_length=_KEY_LENGTH,
                secret_string_template="{}",  # noqa: S106 - the key is generated
            ),
            removal_policy=self._stage.removal_policy,
        )
        acknowledge(secret, "SMG4", "It opens a simulation that spends nothing.")

    def _build_chat(self, name: str) -> None:
        secret = secretsmanager.Secret(
            self,
            "AlarmsChat",
            secret_name=f"{self._stage.secrets_prefix}/{name}",
            description="Webhook of the operators' chat: {'url': ..., 'kind': 'slack' or 'teams'}",
            # Only a first value: without an address nothing is posted.
            secret_string_value=SecretValue.unsafe_plain_text("{}"),
            removal_policy=self._stage.removal_policy,
        )
        acknowledge(
            secret, "SMG4", "The chat issues this address; only a person can renew it there."
        )

    def _build_signing(self) -> None:
        """Compose one JSON secret of two generated keys: CloudFormation makes one per secret."""
        callback, webhook = (self._build_key(name) for name in ("CallbackKey", "WebhookKey"))
        text = (
            f'{{"callback_key":"{callback.secret_value.unsafe_unwrap()}",'
            f'"webhook_key":"{webhook.secret_value.unsafe_unwrap()}"}}'
        )
        signing = secretsmanager.Secret(
            self,
            "Signing",
            secret_name=f"{self._stage.secrets_prefix}/signing",
            description="Keys of the callback addresses and of the webhook signatures",
            secret_string_value=SecretValue.unsafe_plain_text(text),
            removal_policy=self._stage.removal_policy,
        )
        _explain_rotation(signing)

    def _build_key(self, name: str) -> secretsmanager.Secret:
        key = secretsmanager.Secret(
            self,
            name,
            description="First value of one of the stage's signing keys",
            generate_secret_string=secretsmanager.SecretStringGenerator(
                exclude_characters=string.punctuation, password_length=_KEY_LENGTH
            ),
            removal_policy=self._stage.removal_policy,
        )
        _explain_rotation(key)
        return key


def _explain_rotation(secret: secretsmanager.Secret) -> None:
    acknowledge(
        secret,
        "SMG4",
        "Callback addresses in flight and the webhook secrets that receivers hold derive from "
        "this key: it is renewed with notice, never on a timer.",
    )
