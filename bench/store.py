"""Measures Store: peak memory, and speed against reading the whole file into memory first.

`python -m bench.store [--mib 2048] [--rounds 3]` prints one line of JSON. Both ways run in fresh
processes with the same client libraries, against the same source and bucket on loopback, in turn;
the best round of each counts, as others share the machine.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.loopback import serve

_MIB = 1024 * 1024
_MAX_OVER_BASELINE_MIB = 64
_MIN_SPEED = 0.9


def _client(port: int) -> Any:
    import boto3

    return boto3.client(
        "s3",
        region_name="eu-west-1",
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id="bench",
        aws_secret_access_key="bench",  # noqa: S106
    )


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _streamed(source: int, bucket: int) -> int:
    """Move the file as Store does."""
    from dailies.adapters.guarded_fetch import GuardedFetcher
    from dailies.adapters.s3_media import S3MediaStore
    from dailies.domain.outcomes import Download
    from dailies.services.transfer import Source, Transfer

    class Now:
        def now(self) -> dt.datetime:
            return dt.datetime.now(dt.UTC)

    fetcher = GuardedFetcher(frozenset({f"127.0.0.1:{source}"}))
    media = S3MediaStore(_client(bucket), "media")
    download = Download(url=f"http://127.0.0.1:{source}/video.mp4")
    _begin()  # before the transfer takes its buffer
    transfer = Transfer(
        source=Source(download=lambda: download, hosts=(), content_type="video/mp4"),
        key="video.mp4",
        fetcher=fetcher,
        media=media,
        clock=Now(),  # type: ignore[arg-type]
        time_is_short=lambda: False,
    )
    landed = transfer.run()
    return landed.size_bytes if landed is not None else 0


def _all_in_memory(source: int, bucket: int) -> int:
    """Read the file, then upload it in one piece, with the same digest."""
    import hashlib

    import httpx

    client = _client(bucket)
    with httpx.Client(trust_env=False) as http:
        _begin()
        data = http.get(f"http://127.0.0.1:{source}/video.mp4").content
    hashlib.sha256(data).hexdigest()
    client.put_object(Bucket="media", Key="video.mp4", Body=data, ChecksumAlgorithm="SHA256")
    return len(data)


_begun: dict[str, float] = {}


def _begin() -> None:
    _begun.update(baseline=_resident_bytes(), at=time.perf_counter())


def _measure(way: str, ports: tuple[int, int], answer: Any) -> None:
    run = {"streamed": _streamed, "all_in_memory": _all_in_memory}[way]
    size_bytes = run(*ports)
    seconds = time.perf_counter() - _begun["at"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    answer.send((size_bytes / _MIB / seconds, (peak - _begun["baseline"]) / _MIB))


def _in_fresh_process(context: Any, way: str, ports: tuple[int, int]) -> tuple[float, float]:
    receive, send = context.Pipe(duplex=False)
    child = context.Process(target=_measure, args=(way, ports, send))
    child.start()
    send.close()
    try:
        return receive.recv()
    finally:
        child.join()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the rounds, print the figures; 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    context = multiprocessing.get_context("spawn")
    receive, send = context.Pipe(duplex=False)
    ends = context.Process(target=serve, args=(options.mib * _MIB, send.send), daemon=True)
    ends.start()
    ports = receive.recv()
    ways = ("streamed", "all_in_memory")
    rounds = [
        {w: _in_fresh_process(context, w, ports) for w in ways} for _ in range(options.rounds)
    ]
    ends.terminate()
    speed = {w: max(r[w][0] for r in rounds) for w in ways}
    over = {w: max(r[w][1] for r in rounds) for w in ways}
    ratio = speed["streamed"] / speed["all_in_memory"]
    figures = {
        "file_mib": options.mib,
        "streamed_mib_per_s": round(speed["streamed"], 1),
        "all_in_memory_mib_per_s": round(speed["all_in_memory"], 1),
        "speed_ratio": round(ratio, 2),
        "streamed_peak_over_baseline_mib": round(over["streamed"], 1),
        "all_in_memory_peak_over_baseline_mib": round(over["all_in_memory"], 1),
    }
    sys.stdout.write(json.dumps(figures) + "\n")
    return 0 if ratio >= _MIN_SPEED and over["streamed"] <= _MAX_OVER_BASELINE_MIB else 1


if __name__ == "__main__":
    sys.exit(main())
