from dataclasses import dataclass

from chassis.errors import SettingsError
from chassis.settings import parse_address, setting


@dataclass(frozen=True, kw_only=True)
class FileSettings:
    store: str | None = setting(
        "WAGGLE_CELL_FILES_STORE",
        default=None,
        schemes=("file", "s3", "memory"),
        help="where files lie: file:///folder, s3://bucket/prefix, memory://; none: no uploads",
    )
    redirect: bool = setting("WAGGLE_CELL_FILES_REDIRECT", default=False, help="send downloads to presigned addresses of the S3 store")
    s3_endpoint: str | None = setting(
        "WAGGLE_CELL_FILES_S3_ENDPOINT", default=None, schemes=("http", "https"), help="of an S3 store other than Amazon's"
    )
    s3_region: str = setting("WAGGLE_CELL_FILES_S3_REGION", default="us-east-1", help="of the S3 store")
    s3_key_id: str | None = setting("WAGGLE_CELL_FILES_S3_KEY_ID", default=None, help="access key of the S3 store; none: the machine's own")
    s3_secret: str | None = setting("WAGGLE_CELL_FILES_S3_SECRET", default=None, help="secret of that access key", secret=True)
    clamd: str | None = setting("WAGGLE_CELL_FILES_CLAMD", default=None, help="clamd at host:port or /socket; none: files are not scanned")
    digest_s: float = setting("WAGGLE_CELL_FILES_DIGEST_S", default=20.0, min=1, max=45, help="time for one file's thumbnails and text")
    digest_mib: int = setting("WAGGLE_CELL_FILES_DIGEST_MIB", default=768, min=256, max=8192, help="address space for the same, MiB")

    def __post_init__(self) -> None:
        if self.clamd is not None and not self.clamd.startswith("/"):
            try:
                parse_address(self.clamd)
            except ValueError as wrong:
                raise SettingsError(f"WAGGLE_CELL_FILES_CLAMD: {self.clamd!r} is not allowed; it must be {wrong} or /socket") from None
