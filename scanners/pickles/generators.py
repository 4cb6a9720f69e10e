"""States of numpy's random generators, whose positions index memory without a check.

Source: numpy `numpy/random/_mt19937.pyx`, `_philox.pyx`, `mtrand.pyx` (`set_state`).
"""

from weightmark.scanners.pickles.values import Container, Value

__all__ = ["is_generator_state"]

_MOST = {"buffer_pos": 4, "pos": 624}
"""the last position in the buffer of Philox and in the key of MT19937"""
_LEGACY = ("MT19937", 2)
"""the first item of a state of old as a tuple, and where its position stands"""
_DEEPEST = 4


def is_generator_state(state: Value, depth: int = 0) -> bool:
    """Tell a state of which every position lies inside its buffer, whether dict or tuple."""
    if depth > _DEEPEST:
        return False
    if isinstance(state, tuple):
        name, at = _LEGACY
        if state[:1] == (name,) and not (len(state) > at and _is_position(state[at], "pos")):
            return False
        return all(is_generator_state(part, depth + 1) for part in state)
    if not isinstance(state, Container) or state.kind != "dict":
        return True
    if state.more:
        return False
    pairs = zip(state.items[::2], state.items[1::2], strict=True)
    return all(
        _is_position(value, key)
        if isinstance(key, str) and key in _MOST
        else is_generator_state(value, depth + 1)
        for key, value in pairs
    )


def _is_position(value: Value, key: str) -> bool:
    return type(value) is int and 0 <= value <= _MOST[key]
