"""Classes to definitions.

A class or an instance goes in; a ``ServiceDefinition`` comes out, or one error with everything that is wrong.
``_scan`` finds methods, ``_hints`` resolves their annotations, ``_contexts`` tells the kind by the first parameter,
``_signature`` and ``_input`` make payloads of the others; ``_checks`` looks at the handlers together, and
``_targets`` goes back from a method to the handler that it means. Start reading at ``_service``, the reading of one
class step by step.
"""

from restate_reflect.reflection._decorators import handler, service
from restate_reflect.reflection._options import OptionArguments, ServiceOptionArguments
from restate_reflect.reflection._reflect import reflect, reflect_all, reflect_interface
from restate_reflect.reflection._targets import CallTarget, TargetDirectory, handler_of

__all__ = [
    "CallTarget",
    "OptionArguments",
    "ServiceOptionArguments",
    "TargetDirectory",
    "handler",
    "handler_of",
    "reflect",
    "reflect_all",
    "reflect_interface",
    "service",
]
