"""A token bucket: bounds the rate of all requests together, because an address says nothing about who sends."""

import time
from collections.abc import Callable


class TokenBucket:
    """A bucket that holds ``burst`` tokens and gains ``rate`` a second; each request takes one."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._tokens, self._at = burst, clock()

    def take(self) -> bool:
        """Take a token; return False if there is none."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
