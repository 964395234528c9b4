"""One module per kind of step; each function issues one command on an engine.

They return the completion ids under which results will arrive.
"""
