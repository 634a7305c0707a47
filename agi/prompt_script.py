"""The voice actor's script: every prompt and its sentence, printed for a terminal, a page or a spreadsheet. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from agi.prompt_texts import PromptTexts
from agi.steps import LANGUAGES

LANGUAGE_NAMES = {"en": "English", "zh": "中文"}
HOW = (
    "One file a line, in mono, 16 bit, 8 kHz or more. Read each line as if a caller had just heard the one before: "
    "even in pace and loudness, a moment of silence at both ends. Lines without a full stop are parts of a sentence."
)


class Row(Struct, frozen=True):
    """One thing to say."""

    language: str
    key: str
    text: str

    @property
    def file(self) -> str:
        """Where the recording goes, below the prompts folder."""
        return f"{self.language}/{self.key}.wav"


def rows_of(texts: PromptTexts, language: str | None = None) -> list[Row]:
    """A language after the other, each in the order of the text file: what belongs together stands together."""
    chosen = [language] if language else LANGUAGES
    return [Row(each, key, said[each]) for each in chosen for key, said in texts.items() if each in said]


def as_text(rows: Sequence[Row]) -> str:
    """File and sentence, with a tab between."""
    return "".join(f"{row.file}\t{row.text}\n" for row in rows)


def as_markdown(rows: Sequence[Row]) -> str:
    """A page a language, with room to tick off what is recorded."""
    lines = ["# Prompts to record", "", HOW]
    language, number = "", 0
    for row in rows:
        if row.language != language:
            language, number = row.language, 0
            lines += ["", f"## {LANGUAGE_NAMES[language]}", "", "| no. | file | text | done |", "|---:|---|---|---|"]
        number += 1
        spoken = row.text.replace("|", "\\|")
        lines.append(f"| {number} | `{row.file}` | {spoken} | |")
    return "\n".join(lines) + "\n"


def as_csv(rows: Sequence[Row]) -> str:
    """For a spreadsheet."""
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\n")
    writer.writerow(["language", "file", "text"])
    writer.writerows((row.language, row.file, row.text) for row in rows)
    return page.getvalue()


WRITERS: Mapping[str, Callable[[Sequence[Row]], str]] = {"text": as_text, "markdown": as_markdown, "csv": as_csv}
