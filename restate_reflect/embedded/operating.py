"""What operators and other invocations do to an invocation from outside: stop it, go on, complete what it waits for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from restate_reflect.embedded import ids
from restate_reflect.embedded.base import RuntimeBase
from restate_reflect.embedded.kernel import operating
from restate_reflect.embedded.kernel.bounds import check_texts
from restate_reflect.embedded.kernel.commands import complete_promise
from restate_reflect.embedded.kernel.kernel import Kernel
from restate_reflect.embedded.kernel.keys import Key
from restate_reflect.embedded.kernel.mutations import Mutation
from restate_reflect.embedded.kernel.operating import Reply
from restate_reflect.embedded.kernel.records import Failure
from restate_reflect.embedded.kernel.restarting import KEEP, LATEST, restart_as_new, resume_on
from restate_reflect.errors import TerminalError
from restate_reflect.identifiers import InvocationTarget

__all__ = ["Operating"]


class Operating(RuntimeBase):
    """Each of these is one transaction of the kernel, and the turn that follows from it."""

    def cancel(self, target: InvocationTarget) -> Reply:
        """Asks the handler to stop."""
        return self._apply(operating.cancel, target)

    def kill(self, target: InvocationTarget) -> Reply:
        """Ends the invocation and what it has called."""
        return self._apply(operating.kill, target)

    def pause(self, target: InvocationTarget) -> Reply:
        """Lets what executes end, and starts no attempt until ``resume``; a suspended invocation stays suspended."""
        return self._apply(operating.pause, target)

    def resume(self, target: InvocationTarget, deployment: str = KEEP) -> Reply:
        """Starts the next attempt now.

        Args:
            deployment: On which one a suspended or paused invocation goes on: its id, ``latest`` or ``keep``.
        """
        with self._driver.request():
            return resume_on(self.kernel, self.invocation_id(target), deployment)

    def restart_as_new(self, target: InvocationTarget, upto: int = 0, deployment: str = LATEST) -> tuple[Reply, str]:
        """Runs a completed invocation again, as a new one; what became of it, and its id.

        Args:
            upto: Index of the last journal entry that the new one begins with; 0 is the input alone.
            deployment: On which it runs, if the old one was pinned to one.
        """
        with self._driver.request():
            return restart_as_new(self.kernel, self.invocation_id(target), upto, deployment)

    def purge(self, target: InvocationTarget) -> Reply:
        """Forgets a completed invocation."""
        return self._apply(operating.purge, target)

    def purge_journal(self, target: InvocationTarget) -> Reply:
        """Forgets the journal of a completed invocation."""
        return self._apply(operating.purge_journal, target)

    def _apply(self, operation: Callable[[Kernel, str], Reply], target: InvocationTarget) -> Reply:
        with self._driver.request():
            return operation(self.kernel, self.invocation_id(target))

    def crash(self, target: InvocationTarget | None = None) -> int:
        """Drops attempts in progress (of one invocation, or all) as if their process had died; the next ones start
        at once. Returns how many there were."""
        running = list(self._driver.attempts.running.values())
        hit = [each.invocation for each in running if target is None or each.invocation is self._get(target)]
        for invocation in hit:
            self._driver.attempts.crash(invocation)
        self._driver.turn()
        return len(hit)

    def give_up(self, target: InvocationTarget, error: BaseException) -> bool:
        """Makes callers raise who wait for an invocation, or for one that waits for it; whether there was anybody."""
        return self._driver.tell_callers(operating.waiting_for(self.kernel, self.invocation_id(target)), error)

    def abandon(self, target: InvocationTarget, failure: TerminalError) -> list[str]:
        """Ends an invocation and all that wait for it with a failure; no handler hears of it. Returns their ids."""
        identifiers = operating.waiting_for(self.kernel, self.invocation_id(target))
        with self._driver.request():
            operating.abandon(self.kernel, identifiers, Failure(failure.code, failure.message, failure.metadata))
        return identifiers

    def change_state(
        self,
        service: str,
        key: str,
        state: Mapping[str, bytes],
        version: str | None = None,
        scope: str | None = None,
    ) -> None:
        """Replaces the state of a key as soon as no invocation holds it; one that is stored meanwhile goes first.

        Args:
            version: Of the state that somebody has seen (``state_version``): if it is another one then, nothing is
                changed, and nobody told.

        Raises:
            RequestError: A text is no Unicode.
        """
        where = Key(service, key, scope or "")
        check_texts(*where, *state)
        encoded = {name.encode(): value for name, value in state.items()}
        with self._driver.request():
            self.kernel.mutate(Mutation(self.kernel.next_serial(), where, encoded, version))

    # ------------------------------------------------------------ signals

    def resolve_awakeable(self, awakeable_id: str, value: bytes) -> None:
        """Completes an awakeable. Unknown and ended invocations ignore it, as on the server.

        Raises:
            IdError: It is no awakeable id.
        """
        self.signal(*ids.awakeable_target(awakeable_id), value)

    def reject_awakeable(self, awakeable_id: str, error: TerminalError | str) -> None:
        """Fails an awakeable.

        Raises:
            IdError: It is no awakeable id.
        """
        self.signal(
            *ids.awakeable_target(awakeable_id), error if isinstance(error, TerminalError) else TerminalError(error)
        )

    def signal(self, target: InvocationTarget, which: int | str, result: bytes | TerminalError | None = None) -> None:
        """Sends a signal, by name or index."""
        with self._driver.request():
            operating.send_signal(self.kernel, self.invocation_id(target), which, _result_of(result))

    def resolve_promise(
        self, workflow: str, key: str, name: str, result: bytes | TerminalError, scope: str | None = None
    ) -> bool:
        """Completes a promise of a workflow; whether it was open."""
        outcome = _result_of(result)
        with self._driver.request():
            where = Key(workflow, key, scope or "")
            return complete_promise(self.kernel, where, name, b"" if outcome is None else outcome)


def _result_of(result: bytes | TerminalError | None) -> bytes | Failure | None:
    if isinstance(result, TerminalError):
        return Failure(result.code, result.message, result.metadata)
    return result
