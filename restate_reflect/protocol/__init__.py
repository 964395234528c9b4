"""The words of the service protocol: framing, messages, versions. No behaviour.

Bytes go in, typed messages come out, and the other way round. ``framing`` cuts the stream, ``messages`` is the table of
types, ``pb`` has the generated classes, ``wire`` writes and reads the hottest messages by hand, ``versions`` says which
feature came with which version. Start reading at ``messages``.
"""
