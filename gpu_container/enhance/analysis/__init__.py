"""Measures a video file: facts, faults, and quality against a reference.

Without a reference this needs numpy, PyAV and Pydantic only, and memory for a few pictures, so
the workflow's Check runs it inside a function. Nothing else of `enhance` is imported here.
"""

from enhance.analysis.errors import AnalysisError
from enhance.analysis.measure import analyze
from enhance.analysis.results import Analysis

__all__ = ["Analysis", "AnalysisError", "analyze"]
