"""How Sphinx builds these pages: ``nox -s docs``."""

from __future__ import annotations

import inspect
import pkgutil
import sys
from enum import Enum
from importlib.metadata import version as version_of
from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.typing import stringify_annotation

import triocarp.core

if TYPE_CHECKING:
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

sys.path.insert(0, str(Path(__file__).parent))

import state_picture  # it stands beside this file

project = "triocarp"
author = "The triocarp developers"
version = release = version_of("triocarp")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "examples"]
default_role = "py:obj"
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"triocarp {release}"
html_copy_source = False
html_show_copyright = False

nitpicky = True
nitpick_ignore_regex = [
    # The standard library has no pages here.
    ("py:.*", r"(collections|enum|ipaddress|random|struct|types|typing)\..*"),
    # Nor has what is not public, which an argument or a property may bring all the same.
    ("py:class", r"triocarp\.core\..*"),
]

napoleon_numpy_docstring = False
napoleon_use_ivar = True
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True


def setup(app: Sphinx) -> None:
    """Connect what these pages need besides.

    Args:
        app: the build.
    """
    app.connect("autodoc-process-signature", shorten)
    app.connect("autodoc-process-docstring", take_as_it_stands, priority=900)
    app.connect("doctree-read", paint_state_machine)
    app.connect("missing-reference", find_where_it_is_public)


def attribute_docstrings() -> dict[tuple[str, str], list[str]]:
    """Return what stands below constants and members of enumerations, by class and name."""
    found: dict[tuple[str, str], list[str]] = {}
    for module in pkgutil.walk_packages(triocarp.core.__path__, "triocarp.core."):
        found |= ModuleAnalyzer.for_module(module.name).find_attr_docs()
    return found


_ATTRIBUTES = attribute_docstrings()


def take_as_it_stands(
    _app: Sphinx, what: str, name: str, documented: object, _options: object, lines: list[str]
) -> None:
    """Undo that what stands before a colon is taken for a type, and find what stands below imported constants.

    Args:
        what: kind of object.
        name: its full name.
        documented: itself.
        lines: its docstring, to be changed.
    """
    if what == "property":
        lines[:] = [*(inspect.getdoc(documented) or "").splitlines(), ""]
    elif what in {"attribute", "data"}:
        owner, last = name.split(".")[-2:]
        lines[:] = _ATTRIBUTES.get((owner if owner[0].isupper() else "", last), lines)


def shorten(
    _app: Sphinx, _what: str, _name: str, documented: object, _options: object, arguments: str | None, result: str
) -> tuple[str | None, str] | None:
    """Write unions and dialects by their names, and leave out the arguments of what nobody constructs.

    Args:
        documented: what is documented.
        arguments: its arguments, as text.
        result: what it returns, as text.
    """
    if isinstance(documented, type) and (
        issubclass(documented, Enum) or getattr(documented, "_is_protocol", False)
    ):
        return "", result
    for name in ("Effect", "Report", "Action", "Event", "IPAddress", "IPInterface"):
        union = stringify_annotation(getattr(triocarp.core, name), "smart")
        arguments = arguments and arguments.replace(union, f"~triocarp.core.{name}")
        result = result and result.replace(union, f"~triocarp.core.{name}")
    for name, value in vars(triocarp.core).items():
        if isinstance(value, triocarp.core.Dialect):
            arguments = arguments and arguments.replace(repr(value), name)
    return arguments, result


def paint_state_machine(_app: Sphinx, doctree: nodes.document) -> None:
    """Show a picture instead of mermaid's source.

    Args:
        doctree: a page.
    """
    for block in list(doctree.findall(nodes.literal_block)):
        if block["language"] == "mermaid":
            block.replace_self(nodes.raw("", state_picture.draw(), format="html"))


def find_where_it_is_public(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, contnode: nodes.TextElement
) -> nodes.reference | None:
    """Link a name that stands in a signature or a docstring to where it is public.

    A signature names the module that defines a class, and a docstring only the last name, or that of a member.

    Args:
        app: the build.
        env: what it knows.
        node: the name.
        contnode: how it is shown.
    """
    domain = env.domains.python_domain
    last = node["reftarget"].removeprefix("triocarp.core.").rpartition(".")
    target = last[2] if last[0].islower() else "".join(last)
    found = {name for name, entry in domain.objects.items() if name.endswith(f".{target}") and not entry.aliased}
    if len(found) > 1:  # ports speak of their failures
        found = {name for name in found if name.startswith("triocarp.core.PortFailure.")}
    if not found:
        return None
    node["refspecific"] = False
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", found.pop(), node, contnode)
