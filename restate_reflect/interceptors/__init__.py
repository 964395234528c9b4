"""One seam around handlers, steps, outgoing calls and attempts.

Objects with hooks go in, by ``endpoint(…, interceptors=[…])`` or ``@service(interceptors=[…])``; what comes out are
the hooks of each kind, outermost first, for whoever runs handlers. Start reading at ``data``, which is what hooks are
given; ``hooks`` says which hooks there are, and checks what was given.
"""

from __future__ import annotations

from restate_reflect.interceptors.data import AttemptEvent, HandlerCall, OutgoingCall, Step
from restate_reflect.interceptors.hooks import NO_HOOKS, Hooks, combined, hooks_of

__all__ = ["NO_HOOKS", "AttemptEvent", "HandlerCall", "Hooks", "OutgoingCall", "Step", "combined", "hooks_of"]
