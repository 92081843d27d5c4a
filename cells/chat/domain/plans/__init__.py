"""What a workspace may use: its plan, and the quotas that go with it."""
