"""The words of files of customers: their states, what may be wrong with a line. Called by words and sentences."""

from __future__ import annotations

from collections.abc import Mapping


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for "translate this later"
    """Mark `text` for the catalogs."""
    return text


IMPORT_LABELS: Mapping[str, Mapping[str, str]] = {
    "import": {
        "reading": N_("being read"),
        "checked": N_("checked, nothing written"),
        "applying": N_("half imported"),
        "done": N_("imported"),
        "left": N_("read anew since"),
    },
}

IMPORT_REFUSALS = (
    N_("choose a file first"),
    N_("this dry run is more than an hour old, and people change: give the file again"),
    N_("somebody else is importing this very file now: wait until that is done"),
    N_("%(file)s is empty: its first line names the columns, such as name,phone"),
    N_("%(file)s is an old Excel file (.xls): save it as .xlsx or as CSV"),
    N_("%(file)s is neither UTF-8 nor GBK (%(why)s): save it as CSV UTF-8"),
    N_("%(file)s is a broken spreadsheet: open it and save it anew, or save it as CSV"),
    N_("%(file)s is too large for a spreadsheet: save it as CSV, which may have any size"),
    N_("%(file)s is larger than %(size)s MB: an administrator takes it in by `%(command)s`, whatever its size"),
    N_("%(file)s, line 1: no column is called name (or 姓名): it says %(said)s; the first line names the columns"),
    N_("%(file)s, line 1: two columns mean %(field)s: leave one out with --leave-out %(header)s"),
    N_("%(file)s, line %(line)s: %(why)s: mend that line; what stands before it is read already"),
    N_("%(file)s, line 1: column %(header)s is unknown: did you mean %(near)s? Or leave it out with "
       "--leave-out %(same)s"),
    N_("%(file)s, line 1: column %(header)s is unknown: the columns are %(known)s. Or leave it out with --leave-out "
       "%(same)s"),
    N_("it has %(cells)s cells, the first line has %(columns)s: look for a separator too many or too few, and put "
       "texts that hold one into quotation marks"),
    N_("%(column)s: %(text)s is a formula: put its value there as a text"),
    N_("%(column)s: %(number)s is a number whose last digits a spreadsheet has rounded away: make the column text "
       "there, fill it anew, and save the file again"),
    N_("%(column)s: %(number)s cannot be dialled from %(country)s: write it with its area or country, such as "
       "+86 10 6552 9988"),
    N_("phone: %(count)s numbers, and %(most)s fit: leave some out"),
    N_("%(field)s: %(value)s is neither yes nor no: write one of them"),
    N_("%(field)s: %(value)s is unknown: it is one of %(known)s"),
    N_("country: %(country)s is none: write two letters, such as CN"),
    N_("code: %(code)s is %(name)s already: leave the line out, or edit that customer"),
    N_("code: %(code)s stands in line %(line)s, too: leave one of them out"),
    N_("phone: %(number)s is of %(name)s (%(code)s) already: leave the line out, or edit that customer"),
    N_("phone: %(number)s stands in line %(line)s with this name, too: leave one of them out"),
)  # fmt: skip
"""What people may read on the pages of imports, as sentences.py holds all others."""
