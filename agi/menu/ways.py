"""Where callers can get to: parts nobody reaches, and rounds that never end.

Called by checking.py on a built graph. A step may lead back only through a key that the caller pressed: what goes
round by itself would never stop. With that, every call ends: a caller who presses nothing is carried to an ending by
the outcomes alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

from .codes import Code, Faults
from .tree import BACK, QUESTIONS, Node, Pass, Retry

CHOSEN = ("key ", "done")
MOST_TOLD = 50


def check_ways(
    nodes: Mapping[str, Node], begins: Mapping[str, str], start: str, lines: Mapping[str, int], faults: Faults
) -> None:
    """Note parts that are not reached, and rounds without a key."""
    reached = _reached(nodes, start)
    parts_reached = {nodes[id_].part for id_ in reached}
    for part, line in lines.items():
        if begins.get(part) and part not in parts_reached:
            faults.add(Code.W_UNREACHED, line, word=part)
    for closing, round_ in islice(_rounds(nodes, start, reached), MOST_TOLD):
        bad = any(isinstance(nodes[id_].act, (Retry, *QUESTIONS)) for id_ in round_)
        parts = ", ".join(dict.fromkeys(nodes[id_].part for id_ in round_))
        code = Code.E_RETRY if bad else Code.E_LOOP
        faults.add(code, nodes[closing].line, parts=parts)


def _reached(nodes: Mapping[str, Node], start: str) -> set[str]:
    waiting, reached = [start], set()
    while waiting:
        id_ = waiting.pop()
        if id_ in reached or id_ not in nodes:
            continue
        reached.add(id_)
        waiting.extend(nodes[id_].ways.values())
    return reached


def _by_itself(nodes: Mapping[str, Node], id_: str, start: str, questions: tuple[str, ...]) -> Iterator[str]:
    """Where this step leads without a key of the caller's."""
    node = nodes[id_]
    for way, target in node.ways.items():
        if way.startswith(CHOSEN) or (isinstance(node.act, Retry) and way == "again"):
            continue  # the tries bound the second
        if target == BACK:
            yield from questions
            yield start
        elif target in nodes:
            yield target


def _rounds(nodes: Mapping[str, Node], start: str, reached: set[str]) -> Iterator[tuple[str, list[str]]]:
    """Each round that closes: the step that leads back, and all steps of the round."""
    questions = tuple(id_ for id_ in nodes if id_ in reached and isinstance(nodes[id_].act, QUESTIONS))
    done: set[str] = set()
    for root in [start, *questions, *(id_ for id_ in nodes if id_ in reached)]:
        if root in done or root not in nodes:
            continue
        path = [root]
        on_path = {root}
        ways = [_by_itself(nodes, root, start, questions)]
        while path:
            target = next(ways[-1], None)
            if target is None:
                done.add(path[-1])
                on_path.discard(path.pop())
                ways.pop()
            elif target in on_path:
                yield _closing(nodes, path), path[path.index(target) :]
            elif target not in done:
                path.append(target)
                on_path.add(target)
                ways.append(_by_itself(nodes, target, start, questions))


def _closing(nodes: Mapping[str, Node], path: list[str]) -> str:
    """The step to name: the last one that says where to go, else the last."""
    return next((id_ for id_ in reversed(path) if isinstance(nodes[id_].act, Pass)), path[-1])
