"""Everything that chat does with bytes, put together for its composition root."""

from collections.abc import Mapping
from dataclasses import dataclass

from cells.chat.domain.errors import SwitchedOff
from cells.chat.domain.files.due import DIGEST, EXPIRE, REMOVE, SCAN
from cells.chat.domain.files.uploading import expire
from cells.chat.files.attachments import StoredAttachments
from cells.chat.files.bodies import refuse
from cells.chat.files.digesting import Digesting
from cells.chat.files.door import PREFIX, FileDoor, RequireBearer
from cells.chat.files.intake import Intake
from cells.chat.files.scanning import Scanning
from cells.chat.files.settings import FileSettings
from cells.chat.files.spooling import Spooling
from cells.chat.files.store import ObjectStore, open_store
from cells.chat.files.sweeping import Sweeping
from cells.chat.files.uploading import UploadDoor
from cells.runtime.tenancy import Overloaded
from cells.runtime.workload import TENANT_KEY, ASGIApp, Attachments, DueHandle, Errand, Receive, Scope, Send, Tenant
from chassis.clock import Clock
from chassis.flags import Flag, Switchboard


@dataclass(frozen=True, slots=True)
class Filing:
    store: ObjectStore
    settings: FileSettings
    clock: Clock
    flags: Switchboard

    @property
    def intake(self) -> Intake:
        return Intake(self.store, self.settings)

    @property
    def due(self) -> Mapping[str, DueHandle]:
        return {EXPIRE: expire}

    @property
    def errands(self) -> Mapping[str, Errand]:
        return {
            REMOVE: Sweeping(self.store).remove,
            DIGEST: self._unless_off(Digesting(self.store, self.settings).digest),
            SCAN: self._unless_off(Scanning(self.store, self.settings).scan),
        }

    def _unless_off(self, errand: Errand) -> Errand:
        """The same, put off for as long as files are switched off."""

        async def running(tenant: Tenant, key: str) -> None:
            if self.flags.off(Flag.FILES, tenant.scope.workspace_id):
                raise Overloaded("files are switched off")
            await errand(tenant, key)

        return running

    @property
    def attachments(self) -> Attachments:
        return StoredAttachments(self.store)

    def before(self, app: ASGIApp, require_bearer: RequireBearer) -> ASGIApp:
        """`/files/` and the legacy upload are answered here, the rest by `app`."""
        door = FileDoor(self.store, UploadDoor(self.intake, self.clock), require_bearer)
        spooling = Spooling(app, self.intake, require_bearer)

        async def answering(scope: Scope, receive: Receive, send: Send) -> None:
            off = self.flags.off(Flag.FILES, scope[TENANT_KEY].scope.workspace_id)
            if not scope["path"].startswith(PREFIX):
                await (app if off else spooling)(scope, receive, send)  # the app refuses the legacy upload by its word
            elif off:
                await refuse(send, 403, SwitchedOff.code)
            else:
                await door(scope, receive, send)

        return answering


def filing(settings: FileSettings, clock: Clock, flags: Switchboard) -> Filing:
    """Raises SettingsError."""
    return Filing(open_store(settings), settings, clock, flags)
