"""Every key of the four configuration files, from the models that read them."""

import ast
import inspect
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from actuator.agent.config import Config as AgentConfig
from actuator.agent.rpc_switch.config import RpcSwitch
from actuator.config import Config as ActuatorConfig
from docs.generate.declared import attributes, words_of
from docs.generate.markdown import anchor, code, page, sentence, table
from exporter.config import Config as ExporterConfig

FILES: dict[str, type[BaseModel]] = {
    "exporter.yml": ExporterConfig,
    "actuator.yml": ActuatorConfig,
    "agent.yml": AgentConfig,
    "rpc_switch.yml": RpcSwitch,
}
INTRODUCTION = """\
A key that is not listed here is refused, and so is one that stands twice. Errors are told as `file:line: key:
what is wrong, what to write`; `--config.check` tells them all and starts nothing. `${NAME}` is an environment
variable, `$$` a dollar sign. Complete, commented examples: `config/`."""
PLAIN = {
    "str": "text", "int": "whole number", "float": "number", "bool": "true, false", "Path": "path",
    "object": "anything", "Any": "anything",
}  # fmt: skip
LIMITS = {Ge: ("ge", "at least"), Gt: ("gt", "more than"), Le: ("le", "at most"), Lt: ("lt", "less than")}
UNITS = ((604800, "w"), (86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


@dataclass(slots=True)
class Found:
    """What one file's models use; filled while they are rendered."""

    models: dict[type[BaseModel], str] = field(default_factory=dict)
    """Model → the path at which it was first met."""
    words: dict[str, str] = field(default_factory=dict)
    """Words of types → what they stand for."""


def keys(model: type[BaseModel]) -> Iterator[tuple[type[BaseModel], str, str]]:
    """Every model below this one, each of its keys, and what is said of that."""
    for each in _below(model, {}):
        for name, info in each.model_fields.items():
            yield each, info.alias or name, _said(each, name)


def _said(model: type[BaseModel], name: str) -> str:
    """The key's docstring, else what its model or enumeration says of itself."""
    doc = attributes(model)[name].doc
    if doc:
        return doc
    if name == "type" and _tag(model):
        return "Selects this kind"
    kinds = [inner for inner, _ in _inner(model.model_fields[name].annotation, (BaseModel, Enum))]
    return (inspect.getdoc(kinds[0]) or "") if len(kinds) == 1 else ""


def text() -> str:
    """The page."""
    found = Found()
    parts = [_file(name, model, found) for name, model in FILES.items()]
    words = [(f"*{name}*", sentence(doc)) for name, doc in sorted(found.words.items())]
    return page(
        "Configuration",
        [INTRODUCTION],
        ["## Words in the column *type*", "", *table(("word", "what to write"), words)],
        *(part for file in parts for part in file),
    )


def _file(name: str, model: type[BaseModel], found: Found) -> list[list[str]]:
    below = _below(model, {})
    own = [each for each in below if each is model or each not in FILES.values()]
    found.models = {each: f"{name}: {path}" for each, path in below.items()}
    found.models.update({each: file for file, each in FILES.items()})
    blocks = [[f"## {name}", "", *_model(model, found)]]
    for each in own[1:]:
        told = sentence(inspect.getdoc(each) or "")
        blocks.append([f"### {found.models[each]}", "", told, "", *_model(each, found)])
    return blocks


def _below(
    model: type[BaseModel], seen: dict[type[BaseModel], str], at: str = ""
) -> dict[type[BaseModel], str]:
    """Models that can be reached from this one, each with the path of the key at which it stands."""
    seen.setdefault(model, at)
    for name, info in model.model_fields.items():
        for inner, step in _inner(info.annotation):
            if inner not in seen:
                tag = _tag(inner)
                path = f"{at}.{name}".lstrip(".") + step + (f" ({tag})" if tag else "")
                seen[inner] = path
                if inner not in FILES.values():
                    _below(inner, seen, path)
    return seen


def _inner(annotation: Any, kinds: tuple[type, ...] = (BaseModel,)) -> Iterator[tuple[type, str]]:
    """Models in an annotation, with what stands between the key and them in the file."""
    if isinstance(annotation, type) and issubclass(annotation, kinds):
        yield annotation, ""
        return
    origin, arguments = get_origin(annotation), get_args(annotation)
    step = ".NAME" if origin is dict else "[]" if origin is tuple else ""
    for argument in arguments[-1:] if origin is dict else arguments:
        for model, path in _inner(argument, kinds):
            yield model, step + path


def _tag(model: type[BaseModel]) -> str:
    """The `type` that selects this model among several."""
    kind = model.model_fields.get("type")
    return str(get_args(kind.annotation)[0]) if kind is not None else ""


def _model(model: type[BaseModel], found: Found) -> list[str]:
    rows = []
    for name, info in model.model_fields.items():
        attribute = attributes(model)[name]
        kind = _kind(attribute.annotation, _home(model, name), found)
        limits = _limits(info)
        kind_and_limits = f"{kind}; {limits}" if limits else kind
        rows.append(
            (code(info.alias or name), kind_and_limits, _default(info, kind), sentence(_said(model, name)))
        )
    return table(("key", "type", "default", "what it is"), rows)


def _home(model: type[BaseModel], name: str) -> dict[str, Any]:
    """The module in which a field is declared, for the names in its annotation."""
    owner = next(base for base in model.__mro__ if name in inspect.get_annotations(base))
    return vars(sys.modules[owner.__module__])


def _kind(node: ast.expr, home: dict[str, Any], found: Found) -> str:
    """An annotation in words."""
    match node:
        case ast.BinOp(left=left, right=right):
            sides = [_kind(side, home, found) for side in (left, right)]
            return ", ".join(side for side in sides if side)
        case ast.Constant(value=None):
            return ""
        case ast.Name(id=name):
            return _named(name, home, found)
        case ast.Subscript(value=ast.Name(id=outer), slice=inner):
            return _container(outer, inner, home, found)
    return ast.unparse(node)


def _container(outer: str, inner: ast.expr, home: dict[str, Any], found: Found) -> str:
    parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
    if outer == "Literal":
        return ", ".join(code(str(part.value)) for part in parts if isinstance(part, ast.Constant))
    first = _kind(parts[0], home, found)
    if outer == "Annotated":
        return first + (" or one" if any(ast.unparse(part) == "OneOrMany" for part in parts) else "")
    if outer == "dict":
        return f"{first} → {_kind(parts[1], home, found)}"
    return f"list of {first}"


def _named(name: str, home: dict[str, Any], found: Found) -> str:
    """A name in an annotation: a plain type, a model, an enumeration, or a word that a module explains."""
    if name in PLAIN:
        return PLAIN[name]
    value = home[name]
    if isinstance(value, type) and issubclass(value, BaseModel):
        return _link(value, found)
    if isinstance(value, type) and issubclass(value, Enum):
        return ", ".join(code(str(item.value)) for item in value)
    origin = get_origin(value)
    if origin is not None and str(origin) == "typing.Literal":
        return ", ".join(code(str(item)) for item in get_args(value))
    models = [model for model, _ in _inner(value)]
    if models:
        return ", ".join(_link(model, found) for model in models)
    doc = next((said[name] for said in map(words_of, _modules(name, value)) if name in said), "")
    if doc:
        found.words[name] = doc
        return f"*{name}*"
    return name


def _modules(name: str, value: object) -> list[Any]:
    """Our modules that call this value by this name."""
    ours = [
        module
        for key, module in sorted(sys.modules.items())
        if key.partition(".")[0] in ("nodekit", "exporter", "actuator")
    ]
    return [module for module in ours if vars(module).get(name) is value]


def _link(model: type[BaseModel], found: Found) -> str:
    heading = found.models[model]
    return f"[{_tag(model) or heading.rpartition(': ')[2]}](#{anchor(heading)})"


def _limits(info: FieldInfo) -> str:
    said = []
    for limit in info.metadata:
        if type(limit) in LIMITS:
            key, word = LIMITS[type(limit)]
            said.append(f"{word} {getattr(limit, key)}")
        elif isinstance(limit, MinLen):
            said.append("not empty" if limit.min_length == 1 else f"at least {limit.min_length}")
        elif isinstance(limit, MaxLen):
            said.append(f"at most {limit.max_length}")
    return ", ".join(said)


def _default(info: FieldInfo, kind: str) -> str:
    """The default as it would be written; nothing where leaving the key out is a value of its own."""
    if info.is_required():
        return "**required**"
    value = info.default
    if info.default_factory is not None or value is None or isinstance(value, BaseModel):
        return ""
    if isinstance(value, tuple | list):
        return ", ".join(code(_value(item, kind)) for item in value)
    return code(_value(value, kind))


def _value(value: object, kind: str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and ("Duration" in kind or "Time" in kind):
        return next(
            (f"{value / size:g}{unit}" for size, unit in UNITS if value and value % size == 0), f"{value:g}s"
        )
    return str(value.value if isinstance(value, Enum) else value)
