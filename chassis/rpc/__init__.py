"""gRPC between Waggle's processes: every call proves the cluster's credential, every size and wait has a limit."""

from chassis.rpc.channels import channel
from chassis.rpc.credentials import create_credential_file, credential_from_file
from chassis.rpc.servers import listen, server
from chassis.rpc.tls import Tls

__all__ = ["Tls", "channel", "create_credential_file", "credential_from_file", "listen", "server"]
