"""What a supervisor would see looking over the room. `Floor(node).apply(event, now) -> [Change]`.

Pure: fed by a live socket or by a recorded file, and cannot tell which. Rules in prose: floor.py.
"""

from .floor import Floor

__all__ = ["Floor"]
