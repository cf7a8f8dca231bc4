"""How a command ended, as the `Status` that clients read on the error channel. Pure."""

from typing import Any

Status = dict[str, Any]

SUCCESS: Status = {"metadata": {}, "status": "Success"}


def exited(code: int) -> Status:
    """The command ran; upstream's clients take its exit code from the causes."""
    if code == 0:
        return SUCCESS
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: exit status {code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


def internal_error(text: str) -> Status:
    """It went wrong before the command could end."""
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"Internal error occurred: {text}",
        "reason": "InternalError",
        "details": {"causes": [{"message": text}]},
        "code": 500,
    }
