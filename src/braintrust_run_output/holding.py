"""Roots that wait for completions that arrive after their end.

Locking: ``_lock`` guards ``_held`` and ``_timer``. Whoever takes a root out of ``_held`` releases it, without the lock:
what a release runs is other people's code. Time is kept by a thread that is started when it is needed and only sleeps,
so it works as well where gevent or eventlet has patched threads and sleep after this was made.
"""

from __future__ import annotations

import atexit
import threading
import time
import weakref
from typing import TYPE_CHECKING, Generic, TypeVar

from . import _faults

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

MAX_HELD = 10_000
"""How many roots are held at once; beyond that the oldest is released."""
_GLANCE = 0.002
"""How often it is looked whether other threads have released what they had taken, in seconds."""

_LONGEST_SLEEP = 0.05
"""How long the timer sleeps at most, in seconds: so it ends soon when nothing is held any more."""
_LONGEST_HOLD = 10**9
"""How long anything is held at most, in seconds."""

_Key = TypeVar("_Key", bound="Hashable")
_Item = TypeVar("_Item")


class HeldRoots(Generic[_Key, _Item]):
    """Holds items, each for the same time, and releases every one exactly once.

    One daemon thread keeps the time; it runs only while something is held. From the moment when the interpreter exits
    nothing is held any more. A forked child holds nothing: what it inherits is its parent's to release.

    Args:
        release: Called with each key and item, from whichever thread releases it.
        millis: How long an item is held at the most, in milliseconds.
        max_held: How many are held at once.
    """

    def __init__(self, release: Callable[[_Key, _Item], None], *, millis: int, max_held: int = MAX_HELD) -> None:
        self._release = release
        self._seconds = min(millis, _LONGEST_HOLD * 1000) / 1000
        self._max_held = max_held
        self.forget()
        self._at_exit = _close_at_exit(self)

    def forget(self) -> None:
        """Drop everything without releasing it: for a forked child."""
        self._lock = threading.RLock()  # a signal handler or a finalizer may end spans on the thread that holds it
        self._held: dict[_Key, tuple[_Item, float]] = {}
        self._releasing: list[int] = []
        self._timer: threading.Thread | None = None
        self._closed = False

    def __contains__(self, key: _Key) -> bool:
        """Whether it is held."""
        return key in self._held

    def __len__(self) -> int:
        """How many are held."""
        return len(self._held)

    def hold(self, key: _Key, item: _Item) -> bool:
        """Hold an item from now on.

        Returns:
            Whether it is held; False once this is closed, or where no thread can be started to keep the time.
        """
        self.release(key)  # ids may be repeated
        with self._lock:
            if self._closed:
                return False
            self._held[key] = (item, time.monotonic() + self._seconds)
            oldest = next(iter(self._held)) if len(self._held) > self._max_held else None
        try:
            self._keep_time()
        except RuntimeError as error:  # the interpreter is ending, or there are too many threads
            _faults.contain("Starting the thread that keeps the time", error)
            return self._held.pop(key, None) is None
        if oldest is not None:
            self.release(oldest)
        return True

    def release(self, key: _Key) -> None:
        """Release an item, if it is held."""
        mine = threading.get_ident()
        with self._lock:
            held = self._held.pop(key, None)
            if held is None:
                return
            self._releasing.append(mine)
        try:
            self._release(key, held[0])
        except Exception as error:  # noqa: BLE001
            _faults.contain("Releasing a held root", error)
        finally:
            self._releasing.remove(mine)

    def release_all(self, seconds: float = 1) -> None:
        """Release everything that is held now, and wait for what other threads are releasing.

        Args:
            seconds: How long to wait for them.
        """
        for key in list(self._held):
            self.release(key)
        until, mine = time.monotonic() + seconds, threading.get_ident()
        while any(one != mine for one in list(self._releasing)) and time.monotonic() < until:
            time.sleep(_GLANCE)

    def close(self) -> None:
        """Release everything, and hold nothing any more."""
        self._closed = True
        self.release_all()
        timer = self._timer
        if timer is not None and timer.is_alive() and timer is not threading.current_thread():
            timer.join(1)
        atexit.unregister(self._at_exit)

    # --- time ----------------------------------------------------------------------------------------------------

    def _keep_time(self) -> None:
        with self._lock:
            if self._timer is not None:
                return
            self._timer = timer = threading.Thread(
                target=self._release_in_time, name="braintrust-run-output-hold", daemon=True
            )
        try:
            timer.start()  # without the lock: it waits until the thread runs
        except BaseException:
            self._timer = None
            raise

    def _release_in_time(self) -> None:
        try:
            while (first := self._first()) is not None:
                key, deadline = first
                left = deadline - time.monotonic()
                if left > 0:
                    time.sleep(min(left, _LONGEST_SLEEP))
                else:
                    self.release(key)
        except BaseException:  # somebody ends this thread: another one keeps the time for those that are still held
            self._timer = None
            if self._held:
                self._keep_time()
            raise

    def _first(self) -> tuple[_Key, float] | None:
        """Return what is to be released first, and when; None, and the end of the timer, if nothing is held."""
        with self._lock:
            for key, (_, deadline) in self._held.items():
                return key, deadline
            self._timer = None
            return None


def _close_at_exit(held: HeldRoots[_Key, _Item]) -> Callable[[], None]:
    """Have everything released, and nothing held any more, when the interpreter exits, if the holder still lives.

    Returns what is registered for that: after the tracer provider's own, so that it runs before that shuts down.
    """
    reference = weakref.ref(held)

    def close() -> None:
        alive = reference()
        if alive is not None:
            alive.close()

    return atexit.register(close)
