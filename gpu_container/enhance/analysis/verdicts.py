"""The words for what is wrong with a file, and from where on they are said.

| code | level | said when |
|---|---|---|
| `black` | fail | at least half of the time is black |
| `frozen` | fail | at least half of the time the picture stands still |
| `short` | fail | shorter than 0.5 s, or than nine tenths of what was expected |
| `truncated` | fail | the header promises 0.5 s more than there is (picture and sound only) |
| `damaged` | fail | a packet or picture could not be decoded whole |
| `partly_black` | warn | black for 0.5 s or more, but less than half of the time |
| `partly_frozen` | warn | still for 1 s or more, but less than half of the time |
| `silent` | warn | there is an audio stream and nine tenths of it are silent |
| `sound_short` | warn | the sound ends over 0.5 s before the picture |
| `loud` | warn | true peak above 0 dBTP: it clips |
| `gaps` | warn | no new picture for over three intervals, and for a second or more |
| `disordered` | warn | pictures whose time does not come after that of the one before |
| `blocky` | warn | blockiness of 1.5 or more |
| `flicker` | warn | flicker of 1.5 levels or more |
| `soft` | warn | sharpness below 4 |
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from enhance.analysis.results import Analysis, Pictures, Sound, Timing, Verdict

HALF = 0.5
SHORT_S = 0.5
SHORT_SHARE = 0.9
TRUNCATED_S = 0.5
PARTLY_BLACK_S = 0.5
PARTLY_FROZEN_S = 1.0
SILENT_SHARE = 0.9
SOUND_SHORT_S = 0.5
LOUD_DBTP = 0.0
GAP_S = 1.0
BLOCKY = 1.5
FLICKER = 1.5
SOFT = 4.0


def verdicts(analysis: Analysis, expected_s: float | None = None) -> list[Verdict]:
    """Return what is to be said of these measures; `expected_s` is how long it should be."""
    timing = analysis.timing
    return [
        *_of_container(analysis),
        *_of_timing(timing, expected_s),
        *_of_pictures(analysis.pictures, timing.duration_s),
        *_of_sound(analysis.sound, timing.end_s),
    ]


def _verdict(
    code: str, level: Literal["fail", "warn"], measured: float, threshold: float, message: str
) -> Verdict:
    return Verdict(
        code=code,
        level=level,
        measured=round(measured, 4),
        threshold=round(threshold, 4),
        message=message,
    )


def _of_container(analysis: Analysis) -> Iterator[Verdict]:
    kinds = [stream.kind for stream in analysis.container.streams]
    if analysis.container.duration_s is None or sorted(kinds) not in (
        ["video"],
        ["audio", "video"],
    ):
        return  # a track that is not measured may be the longest
    measured = [part for part in (analysis.timing, analysis.sound) if part is not None]
    length_s = max(part.end_s for part in measured) - min(part.start_s for part in measured)
    missing_s = analysis.container.duration_s - length_s
    if missing_s >= TRUNCATED_S:
        message = f"Its last {missing_s:.2f} s are missing: the file was cut off."
        yield _verdict("truncated", "fail", missing_s, TRUNCATED_S, message)


def _of_timing(timing: Timing, expected_s: float | None) -> Iterator[Verdict]:
    length_s = timing.duration_s
    least_s = SHORT_S if expected_s is None else SHORT_SHARE * expected_s
    if length_s < least_s:
        yield _verdict("short", "fail", length_s, least_s, f"It is only {length_s:.2f} s long.")
    damage = timing.damaged_packets + timing.corrupt_frames
    if damage:
        message = f"{damage} packets or pictures could not be decoded whole."
        yield _verdict("damaged", "fail", damage, 0, message)
    if timing.gaps.longest_s >= GAP_S:
        longest_s = timing.gaps.longest_s
        message = f"No new picture for up to {longest_s:.2f} s."
        yield _verdict("gaps", "warn", longest_s, GAP_S, message)
    if timing.not_increasing:
        message = f"{timing.not_increasing} pictures do not come after the one before in time."
        yield _verdict("disordered", "warn", timing.not_increasing, 0, message)


def _of_pictures(pictures: Pictures, length_s: float) -> Iterator[Verdict]:
    for word, spans, least_s in (
        ("black", pictures.black, PARTLY_BLACK_S),
        ("frozen", pictures.frozen, PARTLY_FROZEN_S),
    ):
        share = spans.total_s / length_s if length_s else 0.0
        if share >= HALF:
            yield _verdict(word, "fail", share, HALF, f"{share:.0%} of the time is {word}.")
        elif spans.longest_s >= least_s:
            message = f"It is {word} for up to {spans.longest_s:.2f} s."
            yield _verdict(f"partly_{word}", "warn", spans.longest_s, least_s, message)
    if pictures.blockiness >= BLOCKY:
        message = "Block artefacts of strong compression show."
        yield _verdict("blocky", "warn", pictures.blockiness, BLOCKY, message)
    if pictures.flicker >= FLICKER:
        yield _verdict("flicker", "warn", pictures.flicker, FLICKER, "The light flickers.")
    if pictures.sharpness < SOFT:
        message = "There is hardly any detail."
        yield _verdict("soft", "warn", pictures.sharpness, SOFT, message)


def _of_sound(sound: Sound | None, picture_end_s: float) -> Iterator[Verdict]:
    if sound is None:
        return
    length_s = sound.end_s - sound.start_s
    share = sound.silent.total_s / length_s if length_s > 0 else 1.0
    if share >= SILENT_SHARE:
        yield _verdict("silent", "warn", share, SILENT_SHARE, f"{share:.0%} of it is silent.")
    missing_s = picture_end_s - sound.end_s
    if missing_s > SOUND_SHORT_S:
        message = f"The sound ends {missing_s:.2f} s before the picture."
        yield _verdict("sound_short", "warn", missing_s, SOUND_SHORT_S, message)
    peak = sound.true_peak_dbtp
    if peak is not None and peak > LOUD_DBTP:
        message = f"The sound clips: its true peak is {peak:.1f} dBTP."
        yield _verdict("loud", "warn", peak, LOUD_DBTP, message)
