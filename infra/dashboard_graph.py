"""One picture of the dashboard."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_cloudwatch as cloudwatch

_HEIGHT = 6


def graph(
    title: str,
    left: Sequence[cloudwatch.IMetric],
    width: int,
    *,
    right: Sequence[cloudwatch.IMetric] = (),
    stacked: bool = False,
    line: float | None = None,
) -> cloudwatch.GraphWidget:
    """Draw lines, or areas on each other; `line` is where it gets bad."""
    limit = [] if line is None else [_limit(line)]
    return cloudwatch.GraphWidget(
        title=title,
        left=list(left),
        right=list(right),
        width=width,
        height=_HEIGHT,
        stacked=stacked,
        left_annotations=limit,
        left_y_axis=cloudwatch.YAxisProps(min=0),
    )


def _limit(value: float) -> cloudwatch.HorizontalAnnotation:
    return cloudwatch.HorizontalAnnotation(value=value, color=cloudwatch.Color.RED)
