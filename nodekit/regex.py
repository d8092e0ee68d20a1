"""Regular expressions whose time is linear in the text, for texts that others can shape."""

from pydantic_core import SchemaError, SchemaValidator, core_schema

LONGEST = 1000
"""Characters of an expression."""


class Regex:
    """One expression, searched for anywhere in a text.

    The engine is Rust's `regex`, which pydantic brings: no expression takes exponential time in it, and
    one whose automaton is too large is refused. It has no look-around and no back-references.
    """

    __slots__ = ("_validator", "text")

    def __init__(self, text: str) -> None:
        """Raises ValueError saying what is wrong with the expression."""
        if len(text) > LONGEST:
            raise ValueError(f"it has more than {LONGEST} characters")
        self.text = text
        try:
            self._validator = SchemaValidator(core_schema.str_schema(pattern=text))
        except SchemaError as error:
            said = str(error).strip().splitlines()[-1].strip()
            raise ValueError(said.removeprefix("error: ").removeprefix("SchemaError: ")) from None

    def found_in(self, text: str) -> bool:
        """Whether it matches anywhere in the text."""
        return self._validator.isinstance_python(text)
