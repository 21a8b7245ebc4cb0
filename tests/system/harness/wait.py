"""Waiting for a condition instead of for a time."""
import time


def await_(condition, deadline=15.0, what=None, interval=0.02):
    """Returns the first true value of condition(). A condition may raise: that counts as not yet,
    and the last exception is shown when `deadline` (seconds) has passed."""
    end = time.monotonic() + deadline
    last = None
    while True:
        try:
            value = condition()
            last = None
            if value:
                return value
        except (OSError, AssertionError, KeyError, ValueError, LookupError) as error:
            last = error
        if time.monotonic() >= end:
            doing = what or getattr(condition, "__doc__", None) or "the condition"
            raise AssertionError(f"not within {deadline} s: {doing}" +
                                 (f" ({last!r})" if last else ""))
        time.sleep(interval)


def holds_for(condition, seconds, what, interval=0.05):
    """Fails as soon as condition() is false during `seconds`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not condition():
            raise AssertionError(f"did not stay true for {seconds} s: {what}")
        time.sleep(interval)
