"""Roots that are held back for completions that arrive after their end.

Locking: ``_changed`` guards ``held``, ``_releasing`` and ``_timer``. Whoever takes a root out of ``held`` releases
it, without the lock: what a release runs is other people's code.
"""

from __future__ import annotations

import atexit
import threading
import weakref
from time import monotonic
from typing import TYPE_CHECKING, Generic, TypeVar

from . import _faults

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._sdk import SpanKey

MAX_HELD = 10_000
"""How many roots are held at once; beyond that the oldest is released."""

_Item = TypeVar("_Item")


class _Held(Generic[_Item]):
    __slots__ = ("deadline", "item")

    def __init__(self, item: _Item, deadline: float) -> None:
        self.item = item
        self.deadline = deadline
        """When to release it at the latest, by the monotonic clock."""


class HeldRoots(Generic[_Item]):
    """Holds items by their span's key, each for the same time, and releases every one exactly once.

    One daemon thread keeps the time; it runs only while something is held. What is still held when the interpreter
    exits is released then. A forked child holds nothing: what it inherits is its parent's to release.

    Args:
        release: Called with each item, from whichever thread releases it.
        millis: How long an item is held at the most, in milliseconds.
        max_held: How many are held at once.
    """

    def __init__(self, release: Callable[[_Item], None], *, millis: int, max_held: int = MAX_HELD) -> None:
        self._release = release
        self._seconds = min(millis, int(threading.TIMEOUT_MAX) * 1000) / 1000
        self._max_held = max_held
        self._at_exit: Callable[[], None] | None = None
        self.held: dict[SpanKey, _Held[_Item]] = {}
        """What is held, by its span's key; for others to look up, not to change."""
        self.forget()

    def forget(self) -> None:
        """Drop everything without releasing it: for a forked child."""
        self._changed = threading.Condition()
        self.held.clear()
        self._releasing: list[int] = []
        self._timer: threading.Thread | None = None
        self._closed = False

    def hold(self, key: SpanKey, item: _Item) -> bool:
        """Hold an item from now on.

        Returns:
            Whether it is held; False once this is closed.

        Raises:
            RuntimeError: The timer thread could not be started. The item is not held.
        """
        with self._changed:
            if self._closed:
                return False
            if self._timer is None:
                timer = threading.Thread(target=self._keep_time, name="braintrust-run-output-hold", daemon=True)
                timer.start()
                self._timer = timer
            if self._at_exit is None:
                self._at_exit = _release_all_at_exit(self)
            self.held[key] = _Held(item, monotonic() + self._seconds)
            oldest = next(iter(self.held)) if len(self.held) > self._max_held else None
        if oldest is not None:
            self.release(oldest)
        return True

    def release(self, key: SpanKey) -> None:
        """Release the item of a span, if it is held."""
        with self._changed:
            held = self.held.pop(key, None)
            if not self.held:
                self._changed.notify_all()  # the timer has nothing left to wait for
            if held is None:
                return
            self._releasing.append(threading.get_ident())
        try:
            self._let_go(held.item)
        finally:
            with self._changed:
                self._releasing.remove(threading.get_ident())
                self._changed.notify_all()

    def release_all(self, timeout: float = 1) -> None:
        """Release everything that is held now, and wait for what other threads are releasing.

        Args:
            timeout: How long to wait for them, in seconds.
        """
        for key in list(self.held):
            self.release(key)
        mine = threading.get_ident()
        with self._changed:
            self._changed.wait_for(lambda: all(one == mine for one in self._releasing), timeout)

    def close(self) -> None:
        """Release everything, hold nothing any more, and wait for the timer to end, for at most a second."""
        with self._changed:
            self._closed = True
        self.release_all()
        timer = self._timer
        if timer is not None and timer is not threading.current_thread():
            timer.join(1)
        if self._at_exit is not None:
            atexit.unregister(self._at_exit)
            self._at_exit = None

    def _let_go(self, item: _Item) -> None:
        try:
            self._release(item)
        except BaseException as error:  # noqa: BLE001
            _faults.contain("Releasing a held root", error)

    def _keep_time(self) -> None:
        while True:
            with self._changed:
                key, held = next(iter(self.held.items()), (None, None))
                if held is None:
                    self._timer = None
                    return
                left = held.deadline - monotonic()
                if left > 0:
                    self._changed.wait(left)
                    continue
            if key is not None:
                try:
                    self.release(key)
                except BaseException as error:  # noqa: BLE001 (this thread serves the other roots as well)
                    _faults.report("Releasing a held root", error)


def _release_all_at_exit(held: HeldRoots[_Item]) -> Callable[[], None]:
    """Release what is held when the interpreter exits, if the holder still lives, and return the registered function.

    Registered at the first hold, so after the tracer provider: it runs before the provider shuts down.
    """
    reference = weakref.ref(held)

    def release_all() -> None:
        alive = reference()
        if alive is not None:
            alive.release_all()

    return atexit.register(release_all)
