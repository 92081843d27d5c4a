"""Telling the control plane whose addresses are in a workspace, so that people find their workspaces again."""
