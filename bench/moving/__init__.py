"""What moves are measured with: a workspace in use, orders to the control plane, and what its clients saw."""
