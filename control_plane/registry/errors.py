"""Why the registry refuses. Transport-free; `control_plane.serving` maps each to one gRPC status, once."""

from chassis.errors import WaggleError


class RegistryError(WaggleError):
    code = "registry_error"


class NameTaken(RegistryError):
    code = "name_taken"


class WorkspaceUnknown(RegistryError):
    code = "workspace_unknown"

    def __init__(self, reference: str) -> None:
        super().__init__(f"there is no workspace {reference!r}")


class MoveUnknown(RegistryError):
    code = "move_unknown"

    def __init__(self, reference: str) -> None:
        super().__init__(f"there is no move {reference!r}")


class RunUnknown(RegistryError):
    code = "run_unknown"

    def __init__(self, run_id: str) -> None:
        super().__init__(f"there is no run {run_id!r}" if run_id else "nothing was rebalanced yet; see: waggle rebalance plan")


class RolloutUnknown(RegistryError):
    code = "rollout_unknown"

    def __init__(self, reference: str) -> None:
        super().__init__(f"there is no rollout {reference!r}" if reference else "nothing has gone through this fleet yet")


class CellUnknown(RegistryError):
    code = "cell_unknown"

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no cell {name!r}")


class FlagUnset(RegistryError):
    code = "flag_unset"


class TooManyFlags(RegistryError):
    code = "too_many_flags"


class Conflict(RegistryError):
    """The row was not as the caller believed: somebody else was first. Nothing was changed; read again."""

    code = "conflict"


class TransitionRefused(RegistryError):
    """The state machine knows no such way."""

    code = "transition_refused"
