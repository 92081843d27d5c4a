"""Workloads other than chat, to show what a cell asks of one."""
