"""The words of customers, their numbers and organisations, as words.py holds all others. Called by words alone."""

from __future__ import annotations

from collections.abc import Mapping


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for "translate this later"
    """Mark `text` for the catalogs."""
    return text


CUSTOMER_LABELS: Mapping[str, Mapping[str, str]] = {
    "organisation": {
        "household": N_("Household"),
        "company": N_("Company"),
        "dealer": N_("Dealer"),
        "distributor": N_("Distributor"),
        "service_partner": N_("Service partner"),
        "office": N_("Office"),
    },
    "validity": {
        "valid": N_("valid"),
        "possible": N_("possible, of no range in use"),
        "unreadable": N_("cannot be dialled"),
    },
    "phone_kind": {
        "mobile": N_("mobile"),
        "fixed": N_("landline"),
        "fixed_or_mobile": N_("landline or mobile"),
        "toll_free": N_("toll-free"),
        "premium": N_("premium rate"),
        "shared_cost": N_("shared cost"),
        "voip": N_("internet phone"),
        "personal": N_("personal number"),
        "pager": N_("pager"),
        "company": N_("company number"),
        "voicemail": N_("voice mailbox"),
        "unknown": N_("kind unknown"),
    },
    "customer_field": {
        "code": N_("Code"),
        "name": N_("Name"),
        "company": N_("Company"),
        "tier": N_("Tier"),
        "language": N_("Language"),
        "note": N_("Note"),
        "phone": N_("Number"),
        "merged": N_("Merged"),
    },
    "duplicate": {
        "number_and_name": N_("one number and one name"),
        "number": N_("one number"),
        "name_and_company": N_("one name and one company"),
        "name_and_kind": N_("one name and one kind"),
    },
}

CUSTOMER_REFUSALS = (
    N_("a customer with the code %(code)s exists already"),
    N_("%(field)s: it is empty, and everybody has one: write it"),
    N_("%(field)s: it has %(characters)s characters, and %(most)s fit: shorten it"),
    N_("%(field)s: it holds a control character, which nobody can see: type it anew"),
    N_("phone: a number of 1 to %(most)s characters is needed: write it as it is dialled"),
    N_("there is no such customer"),
    N_("there is no such customer any more: look for them anew"),
    N_("%(code)s was merged into %(kept)s: change that one"),
    N_("this number is there no more: look at the customer anew"),
    N_("country %(country)s is none: write two letters, such as CN"),
    N_("this is one customer already: choose two"),
    N_("this is one organisation already: choose two"),
    N_("there is no such organisation any more: look at the list of duplicates anew"),
    N_("%(code)s was merged already: look at the list of duplicates anew"),
    N_("this merge was undone already, by %(login)s"),
    N_("%(code)s was itself merged since: undo that merge first"),
    N_("somebody else has changed this organisation meanwhile: look at it, then save again"),
    N_("there is no customer %(code)s: look for the code in the list of customers"),
)
"""The refusals that people may meet on these pages, as sentences.py holds all others."""
