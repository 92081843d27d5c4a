"""What keeps a cell from standing on a cluster. Each is one line: what failed, at which object, and what to do."""

from control_plane.provision.errors import ProvisionError

WORDS_MAX = 400
"""Characters of what Kubernetes or helm said that are passed on."""


class NoCluster(ProvisionError):
    """No cluster answers."""

    code = "no_cluster"


class NoRights(ProvisionError):
    """The cluster refuses this user."""

    code = "no_rights"


class NoHelm(ProvisionError):
    """The `helm` program cannot be found."""

    code = "no_helm"


class ChartRefused(ProvisionError):
    """`helm` does not render the chart with these values."""

    code = "chart_refused"


class QuotaExceeded(ProvisionError):
    """The namespace's quota leaves no room."""

    code = "quota_exceeded"


class ImageNotPulled(ProvisionError):
    """A node cannot get an image."""

    code = "image_not_pulled"


class KindUnknown(ProvisionError):
    """The cluster does not know a kind of object that the chart renders."""

    code = "kind_unknown"


class ObjectRefused(ProvisionError):
    """The cluster refuses an object."""

    code = "object_refused"


class NotReady(ProvisionError):
    """Something did not become ready in time, or failed."""

    code = "not_ready"


class CellNotApplied(ProvisionError):
    """There is no such cell on this cluster."""

    code = "cell_not_applied"


def line_of(words: object) -> str:
    """One line of at most WORDS_MAX characters."""
    line = " ".join(str(words).split())
    return line if len(line) <= WORDS_MAX else line[: WORDS_MAX - 1] + "…"
