"""Classes to definitions."""

from restate_reflect.reflection._decorators import handler, service
from restate_reflect.reflection._options import OptionArguments
from restate_reflect.reflection._reflect import reflect, reflect_all, reflect_interface
from restate_reflect.reflection._targets import CallTarget, TargetDirectory, handler_of

__all__ = [
    "CallTarget",
    "OptionArguments",
    "TargetDirectory",
    "handler",
    "handler_of",
    "reflect",
    "reflect_all",
    "reflect_interface",
    "service",
]
