"""The words of the service protocol: framing, messages, versions. No behaviour."""
