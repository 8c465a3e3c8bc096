"""Corrections of how MiniStack runs Python functions and reports their failures."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from local.emulator.corrections import Correction, CorrectionError

_LOG = logging.getLogger("local.emulator.lambda")
_failure = threading.local()
_FIRST_LINE_WAIT_S = 0.002

_INIT_FAILED = """    except Exception as e:
        _real_stdout.write(json.dumps({"status": "error", "error": str(e)}) + "\\n")"""
_INIT_FAILED_CORRECTED = """    except Exception as e:
        traceback.print_exc()
        _real_stdout.write(json.dumps({"status": "error", "error": str(e)}) + "\\n")"""
_HANDLER_FAILED = (
    """            _real_stdout.write(json.dumps({"status": "error", "error": str(e),"""
    """ "trace": traceback.format_exc()}) + "\\n")"""
)
# "ok", because on "error" the worker process is thrown away, and AWS keeps a sandbox whose
# handler raised: each retry would pay a cold start.
_HANDLER_FAILED_CORRECTED = """            traceback.print_exc()
            _frames = e.__traceback__.tb_next if e.__traceback__ else None
            _real_stdout.write(json.dumps({"status": "ok", "result": None, "raised": {
                "errorMessage": str(e), "errorType": type(e).__name__,
                "requestId": context.aws_request_id,
                "stackTrace": traceback.format_tb(_frames)}}) + "\\n")"""


_RUNTIME, _SERVICE = "ministack.core.lambda_runtime", "ministack.services.lambda_svc"


def lambda_corrections() -> list[Correction]:
    """List the corrections of the Lambda service."""
    return [*_of_failures(), *_of_output()]


def _of_failures() -> list[Correction]:
    raised = "a handler's exception reaches Step Functions without its class name"
    return [
        Correction(raised, _RUNTIME, "_PYTHON_WORKER_SCRIPT", None, _report_class_name),
        Correction(
            raised,
            _RUNTIME,
            "Worker.invoke",
            (
                "self",
                "event",
                "request_id",
                "trace_id",
                "depth",
                "durable",
                "invoked_function_arn",
            ),
            _keep_failure,
        ),
        Correction(
            raised,
            _SERVICE,
            "_execute_function_warm",
            ("func", "event", "request_id"),
            _answer_with_failure,
        ),
        Correction(
            "a throttled function reaches Step Functions as Lambda.Unknown",
            _SERVICE,
            "_throttle_response",
            ("reason_code", "msg", "retry_after"),
            _name_throttle,
        ),
    ]


def _of_output() -> list[Correction]:
    log = "what functions print cannot be followed in a file"
    return [
        Correction(log, _RUNTIME, "Worker._read_stderr", ("self",), _follow_stderr),
        Correction(
            "each invocation that prints nothing waits 50 ms for what it might print",
            _RUNTIME,
            "Worker._drain_stderr_bounded",
            ("self", "first_line_wait", "idle_confirm", "hard_cap"),
            _wait_less_for_output,
        ),
    ]


def _report_class_name(script: str) -> str:
    """Make the worker print tracebacks and report an exception as AWS's runtime does."""
    for old, new in (
        (_INIT_FAILED, _INIT_FAILED_CORRECTED),
        (_HANDLER_FAILED, _HANDLER_FAILED_CORRECTED),
    ):
        if script.count(old) != 1:
            raise CorrectionError("the worker script of MiniStack reports failures in another way")
        script = script.replace(old, new)
    return script


def _keep_failure(original: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Take the failure out of the worker's answer, for the caller on the same thread."""

    def invoke(self: Any, event: Any, request_id: str, **context: Any) -> dict[str, Any]:
        response = original(self, event, request_id, **context)
        raised = response.pop("raised", None)
        if raised is not None:
            response.update(status="error", error=raised["errorMessage"], trace="")
        elif response.get("error") == "Worker process died":
            raised = {
                "errorMessage": f"RequestId: {request_id} Error: Runtime exited with error",
                "errorType": "Runtime.ExitError",
            }
        _failure.body = raised
        return response

    return invoke


def _answer_with_failure(original: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Answer a failed invocation with AWS's error body, and log it in one line."""

    def execute(func: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
        _failure.body = None
        result = original(func, event, request_id)
        if result.get("error"):
            if _failure.body is not None:
                result["body"] = _failure.body
            body = result["body"]
            name = (func.get("config") or func).get("FunctionName", "unknown")
            _LOG.error(
                "%s failed: %s: %s",
                name,
                body.get("errorType") or body.get("__type"),
                body.get("errorMessage") or body.get("message"),
            )
        return result

    return execute


def _name_throttle(original: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Give a throttled invocation the error name that Step Functions sees on AWS."""

    def throttle(reason_code: str, msg: str, retry_after: int = 1) -> dict[str, Any]:
        response = original(reason_code, msg, retry_after)
        response["body"]["errorType"] = "Lambda.TooManyRequestsException"
        return response

    return throttle


def _follow_stderr(_original: Callable[[Any], None]) -> Callable[[Any], None]:
    """Copy each line that a function prints to the log file at once, then keep it as before."""

    def read_stderr(self: Any) -> None:
        lines, kept = self._proc.stderr, self._stderr_queue
        try:
            for line in lines:
                text = line.rstrip("\n")
                _LOG.info("%s| %s", self.func_name, text)
                kept.put(text)
        except ValueError:
            return  # the worker was killed and its pipe closed under us

    return read_stderr


def _wait_less_for_output(original: Callable[..., str]) -> Callable[[Any], str]:
    """Wait only as long as a line needs that was printed before the answer."""

    def drain(self: Any) -> str:
        return original(self, first_line_wait=_FIRST_LINE_WAIT_S)

    return drain
