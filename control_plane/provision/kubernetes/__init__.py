"""Cells on a Kubernetes cluster, applied by whoever types `waggle cell apply`, with their own rights (ADR 19).

connection.py alone imports the `kubernetes` client; everything else speaks of plain documents.
"""
