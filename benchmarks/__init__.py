"""Measurements. Nothing here is a test: see README.md in this folder."""
