"""Templates compiled whole: what is known when a language's templates are compiled is not asked for at every page.

A sentence without places is translated then, and a part that a template includes by name becomes text of it, as if it
stood there. What a page shows is the same; a fault in an included part is told with the line of the whole. Called by
rendering, which has one environment a language.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from jinja2 import Environment, nodes
from jinja2.visitor import NodeTransformer
from markupsafe import Markup

Node = TypeVar("Node", bound=nodes.Node)

GETTEXT = ("_", "gettext")


class WholeEnvironment(Environment):
    """Templates of one language. Needs autoescape and, before the first template, `translate`."""

    translate: Callable[[str], str]

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        read = super()._parse(source, name, filename)
        whole: nodes.Template = _Whole(self, name).visit(read)
        return whole


class _Whole(NodeTransformer):
    def __init__(self, environment: WholeEnvironment, name: str | None) -> None:
        self._environment = environment
        self._name = name

    def visit_Include(self, node: nodes.Include, *_: Any, **__: Any) -> nodes.Node:  # noqa: N802 - jinja2's name
        """The part itself, in a scope of its own: what it sets is not seen outside, as with an include."""
        if not isinstance(node.template, nodes.Const) or not node.with_context or node.ignore_missing:
            return node
        environment = self._environment
        part = environment.join_path(str(node.template.value), self._name or "")
        source, filename, _up_to_date = environment.loader.get_source(environment, part)  # type: ignore[union-attr]
        body = environment._parse(source, part, filename).body
        return nodes.Scope(body, lineno=node.lineno, environment=environment)

    def visit_Call(self, node: nodes.Call, *args: Any, **kwargs: Any) -> nodes.Node:  # noqa: N802 - likewise
        """`_("…")`, with or without places."""
        self.generic_visit(node, *args, **kwargs)
        asked = node.node
        if not isinstance(asked, nodes.Name) or asked.name not in GETTEXT or node.dyn_args or node.dyn_kwargs:
            return node
        if len(node.args) != 1 or not isinstance(node.args[0], nodes.Const):
            return node
        sentence = Markup(self._environment.translate(str(node.args[0].value)))  # noqa: S704 - of our own catalogs
        if not node.kwargs:
            return self._at(node, nodes.Const(sentence % {}))
        places = [self._at(node, nodes.Pair(self._at(node, nodes.Const(k.key)), k.value)) for k in node.kwargs]
        return self._at(node, nodes.Mod(self._at(node, nodes.Const(sentence)), self._at(node, nodes.Dict(places))))

    def _at(self, where: nodes.Node, made: Node) -> Node:
        made.set_lineno(where.lineno)
        made.set_environment(self._environment)
        return made
