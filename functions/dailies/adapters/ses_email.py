"""Email over SES (API v2), as a message that SES itself puts together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dailies.adapters.aws_errors import aws_call
from dailies.domain.ports import InlineImage

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client
    from mypy_boto3_sesv2.type_defs import (
        AttachmentTypeDef,
        MessageTypeDef,
        SendEmailRequestTypeDef,
    )

EVENT_HEADER = "X-Dailies-Event-Id"
"""SES writes a `Message-ID` of its own over ours; this one arrives as it was sent."""


class SesEmail:
    """The Mailer port; `sender` is an address of a verified identity."""

    def __init__(
        self, client: SESV2Client, sender: str, *, configuration_set: str | None = None
    ) -> None:
        self._client = client
        self._sender = sender
        self._configuration_set = configuration_set

    def send(
        self,
        to: Sequence[str],
        subject: str,
        *,
        html: str,
        text: str,
        message_id: str,
        images: Sequence[InlineImage] = (),
    ) -> None:
        """Send one email in HTML and plain text."""
        message: MessageTypeDef = {
            "Subject": {"Data": subject, "Charset": "UTF-8"},
            "Body": {
                "Html": {"Data": html, "Charset": "UTF-8"},
                "Text": {"Data": text, "Charset": "UTF-8"},
            },
            "Headers": [{"Name": EVENT_HEADER, "Value": message_id}],
        }
        if images:
            message["Attachments"] = [_inline(image) for image in images]
        request: SendEmailRequestTypeDef = {
            "FromEmailAddress": self._sender,
            "Destination": {"ToAddresses": list(to)},
            "Content": {"Simple": message},
        }
        if self._configuration_set:
            request["ConfigurationSetName"] = self._configuration_set
        with aws_call("send an email"):
            self._client.send_email(**request)


def _inline(image: InlineImage) -> AttachmentTypeDef:
    return {
        "FileName": image.filename,
        "ContentType": image.content_type,
        "ContentId": image.content_id,
        "ContentDisposition": "INLINE",
        "ContentTransferEncoding": "BASE64",
        "RawContent": image.data,
    }
