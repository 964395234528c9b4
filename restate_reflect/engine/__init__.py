"""The sans-IO journal machine. Knows ``protocol`` and nothing of sockets, loops or user code."""
