"""YAML text → plain values that remember their line; every scalar stays the text that was written.

Called by checking.py and the prompts file's reader. Files are written by people and may be anything: aliases
(a short file can unfold to gigabytes), tags, repeated keys and deep nesting are faults, never a crash.
"""

from __future__ import annotations

import yaml
from msgspec import Struct

from .codes import Code, Faults

MOST_BYTES = 256_000
MOST_LEVELS = 16
_CORE = "tag:yaml.org,2002:"
# libyaml where PyYAML was built with it: ten times as fast, and the same words.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Marked(Struct, frozen=True):
    """A value and the line it begins on (1 = first)."""

    line: int
    value: str | list[Marked] | dict[str, Marked]


def read_marked(text: str, faults: Faults) -> Marked | None:
    """The whole file as marked values, or None after noting why it cannot be read."""
    if len(text.encode("utf-8", "replace")) > MOST_BYTES:
        faults.add(Code.E_LARGE, 1, most=MOST_BYTES)
        return None
    try:
        if not _is_plain(text, faults):
            return None
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as fault:
        line = fault.problem_mark.line + 1 if fault.problem_mark else 1
        faults.add(Code.E_YAML, line, what=str(fault.problem or fault.context or "?"))
        return None
    except yaml.YAMLError as fault:
        faults.add(Code.E_YAML, 1, what=str(fault).splitlines()[0])
        return None
    if root is None:
        faults.add(Code.E_EMPTY_FILE, 1)
        return None
    return _marked(root, faults)


def _is_plain(text: str, faults: Faults) -> bool:
    """No alias, anchor or tag, and no deep nesting, found before any tree is built."""
    level = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            faults.add(Code.E_ALIAS, line)
            return False
        if isinstance(event, yaml.NodeEvent) and getattr(event, "tag", None):
            faults.add(Code.E_TAG, line)
            return False
        if isinstance(event, yaml.CollectionStartEvent):
            level += 1
            if level > MOST_LEVELS:
                faults.add(Code.E_DEEP, line, most=MOST_LEVELS)
                return False
        elif isinstance(event, yaml.CollectionEndEvent):
            level -= 1
    return True


def _marked(node: yaml.Node, faults: Faults) -> Marked:
    line = _line(node)
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Marked] = {}
        for key_node, value_node in node.value:
            key_line = _line(key_node)
            if not isinstance(key_node, yaml.ScalarNode):
                faults.add(Code.E_SHAPE, key_line, word="key", shape="plain text")
            elif key_node.value in mapping:
                faults.add(Code.E_TWICE, key_line, word=key_node.value)
            else:
                value = _marked(value_node, faults)
                # A fault of an entry is shown where the entry begins, not where its value does.
                mapping[key_node.value] = Marked(key_line, value.value)
        return Marked(line, mapping)
    if isinstance(node, yaml.SequenceNode):
        return Marked(line, [_marked(item, faults) for item in node.value])
    return Marked(line, "" if node.tag == f"{_CORE}null" else node.value)


def _line(node: yaml.Node) -> int:
    return node.start_mark.line + 1 if node.start_mark else 1
