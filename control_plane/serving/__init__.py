"""The control plane's gRPC services and the loops behind them."""
