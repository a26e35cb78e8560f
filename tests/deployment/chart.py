"""Renders the chart's templates: as much of Helm's language as they use, and nothing else, so that no other construct slips in.

Most machines have no Helm; where it is installed, a test has it render the same.
"""

import copy
import re
from pathlib import Path

import yaml

CHART = Path(__file__).parents[2] / "deploy" / "helm" / "spark-avatar"
_ACTION = re.compile(r"(\s*)\{\{(-?)\s*(.*?)\s*(-?)\}\}(\s*)", re.DOTALL)


class UnknownConstruct(Exception):
    """The template uses something that this cannot render."""


def values(**changes):
    """The chart's values, with changes as `worker__drainSeconds=3`."""
    found = copy.deepcopy(yaml.safe_load((CHART / "values.yaml").read_text()))
    for path, value in changes.items():
        *parents, name = path.split("__")
        place = found
        for parent in parents:
            place = place[parent]
        place[name] = value
    return found


def render(release="prod", **changes):
    """All objects, as dictionaries."""
    scope = {".Values": values(**changes), ".Release": {"Name": release}}
    texts = [render_text(path.read_text(), scope) for path in sorted((CHART / "templates").glob("*.yaml"))]
    return [found for text in texts for found in yaml.safe_load_all(text) if found]


def render_text(text, scope):
    parts = _split(text)
    rendered, rest = _block(parts, 0, scope)
    if rest != len(parts):
        raise UnknownConstruct("an `end` too many")
    return rendered


def _split(text):
    """Texts and actions in turn; `{{-` and `-}}` take the white space beside them along."""
    parts, place = [], 0
    for match in _ACTION.finditer(text):
        before, trim_left, action, trim_right, after = match.groups()
        parts.append(("text", text[place : match.start()] + ("" if trim_left else before)))
        parts.append(("action", action))
        place = match.end() if trim_right else match.end() - len(after)
    return [*parts, ("text", text[place:])]


def _block(parts, place, scope):
    """Renders up to the block's `end`; returns the text and the place of that."""
    out = []
    while place < len(parts):
        kind, content = parts[place]
        if kind == "text":
            out.append(content)
        elif content == "end":
            break
        elif content.startswith("if "):
            inner, place = _block(parts, place + 1, scope)
            out.append(inner if _truth(content[3:], scope) else "")
        elif content.startswith("range "):
            match = re.fullmatch(r"range (\$\w+), (\$\w+) := (\S+)", content)
            if match is None:
                raise UnknownConstruct(content)
            ended = place
            for name, value in sorted(_value(match[3], scope).items()):
                inner, ended = _block(parts, place + 1, {**scope, match[1]: name, match[2]: value})
                out.append(inner)
            place = ended
        else:
            out.append(_print(content, scope))
        place += 1
    return "".join(out), place


def _truth(condition, scope):
    negated = condition.startswith("not ")
    return bool(_value(condition.removeprefix("not "), scope)) is not negated


def _print(action, scope):
    expression, *filters = (part.strip() for part in action.split("|"))
    as_yaml = expression.startswith("toYaml ")
    value = _value(expression.removeprefix("toYaml "), scope)
    text = yaml.safe_dump(value).rstrip("\n") if as_yaml else str(value)
    for name in filters:
        if name == "quote":
            text = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
        elif match := re.fullmatch(r"nindent (\d+)", name):
            indent = "\n" + " " * int(match[1])
            text = indent + text.replace("\n", indent)
        else:
            raise UnknownConstruct(action)
    return text


def _value(path, scope):
    if path.startswith("$"):
        return scope[path]
    match = re.fullmatch(r"(\.Values|\.Release)((?:\.\w+)+)", path)
    if match is None:
        raise UnknownConstruct(path)
    found = scope[match[1]]
    for name in match[2].strip(".").split("."):
        found = found[name]  # a name that values.yaml does not have is a mistake
    return found
