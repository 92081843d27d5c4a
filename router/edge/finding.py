"""From what a request says of its workspace to a route, or to the answer that says why there is none."""

from chassis.flags import Flag, Switchboard
from router.edge import answers
from router.edge.answers import Answer
from router.edge.head import Head
from router.edge.identify import Address, address_of, token_in_header, token_in_query, workspace_of
from router.routes.resolve import DirectoryUnavailable, Resolver
from router.routes.table import Route

PUBLIC = b"/api/_methods"
"""The same for every workspace: any cell may answer it."""
OF_APPS = (b"/api/oauth.", b"/api/openid.")
"""Called with an app's secret in place of a token; nothing serves them yet."""


class Finder:
    def __init__(self, resolver: Resolver, domain: str, flags: Switchboard | None = None) -> None:
        self._resolver = resolver
        self._domain = domain
        self._flags = flags or Switchboard()

    def address(self, head: Head) -> Address:
        return address_of(head.path, head.get(b"host"), self._domain)

    def token(self, head: Head) -> str | None:
        """The token as far as the header and the query tell."""
        authorization = head.fields.get(b"authorization")
        found = None if authorization is None else token_in_header(authorization)
        return found or token_in_query(head.query)

    async def find(self, address: Address, token: str | None) -> Route | Answer:
        try:
            return await self._find(address, token)
        except DirectoryUnavailable:
            # Not known here, and nobody to ask: an honest 503 makes clients try again, `invalid_auth` would log them out.
            return answers.UNAVAILABLE

    async def find_workspaces(self, email: str) -> Answer:
        """The same for every address; what is known of it goes there by mail."""
        if self._flags.off(Flag.FINDER):
            return answers.SWITCHED_OFF
        try:
            await self._resolver.find_workspaces(email)
        except DirectoryUnavailable:
            return answers.UNAVAILABLE
        return answers.OK

    async def _find(self, address: Address, token: str | None) -> Route | Answer:
        if address.workspace_id is not None:
            return await self._resolver.by_id(address.workspace_id) or answers.TEAM_NOT_FOUND
        if token is not None:
            workspace_id = workspace_of(token)
            route = None if workspace_id is None else await self._resolver.by_id(workspace_id)
            return route or answers.INVALID_AUTH
        if address.subdomain is not None:
            return await self._resolver.by_subdomain(address.subdomain) or answers.TEAM_NOT_FOUND
        if address.path == PUBLIC:
            return self._resolver.any() or answers.UNAVAILABLE
        if address.path.startswith(OF_APPS):
            return answers.UNKNOWN_METHOD
        return answers.NOT_AUTHED if address.path.startswith(b"/api/") else answers.NOT_FOUND
