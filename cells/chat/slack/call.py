"""One API call as its handler gets it."""

from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import msgspec

from cells.chat.domain.channels.channel import ChannelKind
from cells.chat.domain.tokens.errors import MissingScope
from cells.chat.domain.tokens.repository import Bearer
from cells.runtime.workload import Tenant
from chassis.clock import Clock

A_co = TypeVar("A_co", bound=msgspec.Struct, covariant=True)
Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the client believes it is talking to."""

    scheme: str
    host: str

    @property
    def base(self) -> str:
        """Scheme and host, for addresses of files."""
        return f"{'https' if self.scheme in ('https', 'wss') else 'http'}://{self.host}"

    def page_url(self, domain: str) -> str:
        """The workspace's own address, with a slash at the end."""
        by_name = self.host.startswith(f"{domain}.")
        return f"{self.scheme}://{self.host}/" if by_name else f"{self.scheme}://{self.host}/w/{domain}/"

    def socket_url(self, workspace_id: str, ticket: str) -> str:
        return f"{'wss' if self.scheme in ('https', 'wss') else 'ws'}://{self.host}/rtm/{workspace_id}/{ticket}"


@dataclass(frozen=True, slots=True)
class Call(Generic[A_co]):
    tenant: Tenant
    bearer: Bearer
    arguments: A_co
    given: dict[str, Any]
    """The arguments as they came, token left out."""
    origin: Origin
    clock: Clock
    address: str = ""
    """Where the request came from, as the router saw it."""
    agent: str = ""
    """What the client calls itself."""
    more_headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    """What the answer's header is to say beside what every answer's says."""

    @property
    def team_id(self) -> str:
        return self.tenant.scope.workspace_id

    def require_scope(self, kind: ChannelKind, needed: dict[ChannelKind, tuple[str, ...]]) -> None:
        """Refine the method's scopes once the kind of conversation is known."""
        if self.bearer.scopes.isdisjoint(needed[kind]):
            raise MissingScope(",".join(needed[kind]), self.bearer.scopes_shown)
