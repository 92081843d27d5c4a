"""Limits of every gRPC connection, as gRPC's channel arguments (grpc/impl/channel_arg_names.h)."""

MESSAGE_BYTES_MAX = 8 * 1024 * 1024
METADATA_BYTES_MAX = 16 * 1024
KEEPALIVE_MS = 10_000
KEEPALIVE_TIMEOUT_MS = 5_000
HANDSHAKE_TIMEOUT_MS = 5_000
RECONNECT_MS_MAX = 2_000
CONNECT_MS_MAX = 2_000
"""For one attempt, greeting included: a process on a busy machine is there, and slow."""
STREAMS_PER_CONNECTION_MAX = 1_000

Options = list[tuple[str, int]]


def _both_ends(message_bytes_max: int) -> Options:
    return [
        ("grpc.max_receive_message_length", message_bytes_max),
        ("grpc.max_send_message_length", message_bytes_max),
        ("grpc.max_metadata_size", METADATA_BYTES_MAX),
        ("grpc.absolute_max_metadata_size", METADATA_BYTES_MAX),
        # A peer that vanished without a word (power, cable) is noticed after these two together.
        ("grpc.keepalive_time_ms", KEEPALIVE_MS),
        ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
        # Without it a ping may go unanswered for a minute, whatever keepalive_timeout_ms says.
        ("grpc.http2.ping_timeout_ms", KEEPALIVE_TIMEOUT_MS),
        ("grpc.keepalive_permit_without_calls", 1),
    ]


def server_options(message_bytes_max: int) -> Options:
    return [
        *_both_ends(message_bytes_max),
        ("grpc.http2.min_ping_interval_without_data_ms", KEEPALIVE_MS // 2),
        ("grpc.server_handshake_timeout_ms", HANDSHAKE_TIMEOUT_MS),
        ("grpc.max_concurrent_streams", STREAMS_PER_CONNECTION_MAX),
        # Two processes on one port would share it silently, each answering half of the calls.
        ("grpc.so_reuseport", 0),
    ]


def channel_options(message_bytes_max: int) -> Options:
    return [
        *_both_ends(message_bytes_max),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.initial_reconnect_backoff_ms", 100),
        # Whatever its name says, it bounds one attempt to connect and no wait between two.
        ("grpc.min_reconnect_backoff_ms", CONNECT_MS_MAX),
        ("grpc.max_reconnect_backoff_ms", RECONNECT_MS_MAX),
        # One connection a channel: a process that dials a cell twice must not find its streams on one socket.
        ("grpc.use_local_subchannel_pool", 1),
    ]
