"""From what an API server answers to an error of ours: who was refused what, in one line."""

import json
from http import HTTPStatus
from typing import Any

from control_plane.provision.errors import ProvisionError
from control_plane.provision.kubernetes.errors import NoCluster, NoRights, ObjectRefused, QuotaExceeded, line_of

Status = dict[str, Any]


def status_of(body: bytes) -> Status:
    """The `Status` object of an answer; of something else its first words."""
    try:
        read = json.loads(body)
    except ValueError:
        read = None
    return read if isinstance(read, dict) and read.get("kind") == "Status" else {"message": line_of(body[:400].decode(errors="replace"))}


def refusal(code: int, status: Status, doing: str) -> ProvisionError:
    """`doing` names the act and the object: "apply Deployment api"."""
    said = line_of(status.get("message") or HTTPStatus(code).phrase)
    match code:
        case 401:
            return NoRights(
                f"the cluster does not know this user (while trying to {doing}): {said}; sign in again, or choose another --context"
            )
        case 403 if "exceeded quota" in said:
            return QuotaExceeded(f"the quota leaves no room to {doing}: {said}")
        case 403 if "User " in said or "cannot" in said:
            return NoRights(f"this user has no right to {doing}: {said}")
        case 429 | 500 | 502 | 503 | 504:
            return NoCluster(f"the cluster could not {doing} ({code}): {said}")
    return ObjectRefused(f"the cluster refuses to {doing}: {said}")
