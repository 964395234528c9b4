"""Definitions to the endpoint manifest, versions 1 to 4.

``ServiceDefinition``s and an ``Accept`` header go in, the JSON that discovery answers with comes out. ``_fields`` is
the one table of what a manifest says and since which version. Start reading at ``_build``.
"""

from restate_reflect.manifest._build import ProtocolMode, UnsupportedOption, build_manifest, unsupported_options
from restate_reflect.manifest._negotiate import VERSIONS, content_type, negotiate
from restate_reflect.manifest._patience import patient

__all__ = [
    "VERSIONS",
    "ProtocolMode",
    "UnsupportedOption",
    "build_manifest",
    "content_type",
    "negotiate",
    "patient",
    "unsupported_options",
]
