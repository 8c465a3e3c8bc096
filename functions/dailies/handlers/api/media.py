"""The routes of uploads, assets and links."""

from __future__ import annotations

from dailies.bootstrap import ApiPorts
from dailies.handlers.api.answer import Answer, json_answer
from dailies.handlers.api.contract import Call, Operation, Parameters, Success
from dailies.handlers.api.views import (
    AssetView,
    DownloadBody,
    DownloadView,
    UploadBody,
    UploadView,
    asset_view,
    upload_view,
)
from dailies.services.create_upload import create_upload
from dailies.services.read_assets import read_asset, sign_download
from dailies.services.share_asset import follow_link


def upload(call: Call[Parameters, Parameters, UploadBody], ports: ApiPorts) -> Answer:
    """Create an upload."""
    created = create_upload(
        tenant=call.tenant,
        content_type=call.body.content_type,
        size_bytes=call.body.size_bytes,
        ledger=ports.ledger,
        media=ports.media,
        clock=ports.clock,
        new_id=ports.new_id,
    )
    location = {"Location": f"/v1/assets/{created.asset.asset_id}"}
    return json_answer(201, upload_view(created), location)


def asset(call: Call[Parameters, Parameters, None], ports: ApiPorts) -> Answer:
    """Return what is known of an asset."""
    found = read_asset(call.path["asset_id"], tenant=call.tenant, ledger=ports.ledger)
    return json_answer(200, asset_view(found))


def download(call: Call[Parameters, Parameters, DownloadBody], ports: ApiPorts) -> Answer:
    """Return a URL of an asset's bytes."""
    signed = sign_download(
        call.path["asset_id"],
        tenant=call.tenant,
        expires_s=call.body.expires_s,
        ledger=ports.ledger,
        media=ports.media,
        clock=ports.clock,
    )
    return json_answer(200, DownloadView(url=signed.url, expires_at=signed.expires_at))


def link(call: Call[Parameters, Parameters, None], ports: ApiPorts) -> Answer:
    """Send the browser on to the asset's bytes."""
    signed = follow_link(
        call.path["token"],
        links=ports.links,
        ledger=ports.ledger,
        media=ports.media,
        clock=ports.clock,
    )
    headers = {"Location": signed.url, "Referrer-Policy": "no-referrer"}
    return Answer(status=302, headers=headers)


MEDIA = (
    Operation(
        id="createUpload",
        method="POST",
        path="/v1/uploads",
        tag="Media",
        summary="Get a form to upload an input image or video with",
        run=upload,
        query=Parameters,
        headers=Parameters,
        body=UploadBody,
        example={"content_type": "image/png", "size_bytes": 1_048_576},
        successes=(
            Success(201, "The asset and its form.", UploadView, ("Location",), leads_to="asset_id"),
        ),
    ),
    Operation(
        id="readAsset",
        method="GET",
        path="/v1/assets/{asset_id}",
        tag="Media",
        summary="Read an asset's facts",
        run=asset,
        query=Parameters,
        headers=Parameters,
        successes=(Success(200, "The asset.", AssetView),),
    ),
    Operation(
        id="createDownloadUrl",
        method="POST",
        path="/v1/assets/{asset_id}/download-url",
        tag="Media",
        summary="Get a short-lived URL of an asset's bytes",
        run=download,
        query=Parameters,
        headers=Parameters,
        body=DownloadBody,
        body_optional=True,
        example={"expires_s": 900},
        successes=(Success(200, "The URL.", DownloadView),),
    ),
    Operation(
        id="followLink",
        method="GET",
        path="/v1/links/{token}",
        tag="Media",
        summary="Follow a link from an e-mail",
        run=link,
        query=Parameters,
        headers=Parameters,
        successes=(
            Success(302, "The asset is at `Location`.", None, ("Location", "Referrer-Policy")),
        ),
        problems=(410,),
        public=True,
        any_query=True,
    ),
)
