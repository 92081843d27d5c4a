"""Backups of cells on this machine: taking them, and making a new cell of one."""

from control_plane.provision.backups.manifest import Kept, Manifest, read_manifest
from control_plane.provision.backups.restoring import restore
from control_plane.provision.backups.taking import Stage, take

__all__ = ["Kept", "Manifest", "Stage", "read_manifest", "restore", "take"]
