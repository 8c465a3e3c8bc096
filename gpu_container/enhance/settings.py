"""What the environment says. The only reader of it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from enhance.errors import BadInputError
from enhance.pipeline import WATCHDOG_S


class Settings(BaseModel):
    """Choices of the machine; those of the job are in its spec."""

    model_config = ConfigDict(frozen=True)

    spec: str | None = None
    """`ENHANCE_SPEC`: URI of the spec where the command line names none."""
    array_index: int | None = None
    """`AWS_BATCH_JOB_ARRAY_INDEX`: which child of an array job this is."""
    array_size: int | None = None
    """`AWS_BATCH_JOB_ARRAY_SIZE`."""
    spot: bool = False
    """`ENHANCE_SPOT=1`: ask the metadata service for Spot notices."""
    metadata_service: str = "http://169.254.169.254"
    """`AWS_EC2_METADATA_SERVICE_ENDPOINT`."""
    watchdog_s: float = WATCHDOG_S
    """`ENHANCE_WATCHDOG_S`: a thread that does nothing for so long is a defect."""
    cache: Path
    """`XDG_CACHE_HOME/enhance`: weights that were fetched."""
    scratch: Path
    """`TMPDIR`: chunks under way, where the work prefix is no folder."""


def read(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the environment.

    Raises:
        BadInputError: `bad_environment`.
    """
    given = os.environ if environ is None else environ
    names = {
        "spec": "ENHANCE_SPEC",
        "array_index": "AWS_BATCH_JOB_ARRAY_INDEX",
        "array_size": "AWS_BATCH_JOB_ARRAY_SIZE",
        "spot": "ENHANCE_SPOT",
        "metadata_service": "AWS_EC2_METADATA_SERVICE_ENDPOINT",
        "watchdog_s": "ENHANCE_WATCHDOG_S",
    }
    found: dict[str, object] = {
        field: given[name] for field, name in names.items() if given.get(name)
    }
    caches = given.get("XDG_CACHE_HOME")
    found["cache"] = (Path(caches) if caches else Path.home() / ".cache") / "enhance"
    found["scratch"] = given.get("TMPDIR") or tempfile.gettempdir()
    try:
        return Settings.model_validate(found)
    except ValidationError as error:
        refused = [names[str(each["loc"][0])] for each in error.errors()]
        raise BadInputError("bad_environment", f"No usable value: {', '.join(refused)}.") from error


def without_credentials(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a process that must reach no cloud: it decodes others' files."""
    given = os.environ if environ is None else environ
    return {name: value for name, value in given.items() if not name.startswith("AWS_")}
