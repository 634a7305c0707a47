"""Every number and address an operator may change, with its unit in its name.

A setting is looked up in this order: the command line, `KEFU_*` in the environment, `kefu.toml` (in the working folder,
or where `KEFU_CONFIG` says), the default below. All rooms read it through `read_settings`; the pure rooms never do.
"""

from __future__ import annotations

import os
import re
import tomllib
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from .refusals import Refusal
from .rules import retention_days, rights
from .rules.opening_hours import read_opening_hours
from .rules.public_days import check_country
from .rules.quiet_hours import HOURS as CALLING_HOURS
from .rules.ring_no_answer import Policy
from .rules.url_templates import check as check_url_template
from .rules.waiting_credit import CreditRules
from .settings_faults import sentence_of
from .settings_kinds import Count, HealthPort, Milliseconds, Minutes, Port, Seconds, Switch, Word, data_folder


class SettingsRefused(Refusal):
    """A setting is unknown or holds a value that cannot work."""


def settings_file() -> Path:
    """The settings file that is read when it exists: `KEFU_CONFIG`, else kefu.toml in the working folder."""
    return Path(os.environ.get("KEFU_CONFIG") or "kefu.toml")


class Settings(BaseSettings):
    """All settings, checked and frozen. Build one with `read_settings`."""

    model_config = SettingsConfigDict(env_prefix="KEFU_", extra="forbid", frozen=True, validate_default=True)

    # Which Asterisk this installation speaks of, and where its people live.
    node: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,60}$", description="letters, digits, '_', '.' or '-'")] = (
        "asterisk1"
    )
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$", description="two capital letters, such as CN")] = "CN"
    timezone: Annotated[str, Field(description="a time zone name, such as Asia/Shanghai")] = "Asia/Shanghai"
    opening_hours: Annotated[str, Field(description="days and hours, such as 'mon-fri 09:00-18:00'")] = (
        "mon-sun 00:00-24:00"
    )
    # Queues with hours of their own, by name; whose public holidays are kept (with a region: DE-BY; empty: none).
    queue_hours: Annotated[dict[str, str], Field(description="a table of queues and their hours")] = {}
    holidays: Annotated[str, Field(description="a country such as CN, or empty")] = ""
    # Who still waits so long after closing time is led to voicemail.
    closing_grace_minutes: Annotated[float, Field(ge=0, le=600, description="minutes from 0 to 600")] = 10.0

    # Messages that callers left: where Asterisk keeps them as this machine sees it, the open minutes within which one
    # is to be answered, and below what length nobody has said anything.
    voicemail_folder: Annotated[Path, Field(description="a folder")] = Path("/var/spool/asterisk/kefu-voicemail")
    voicemail_due_minutes: Annotated[float, Field(gt=0, le=14400, description="minutes above 0")] = 120.0
    voicemail_short_seconds: Annotated[float, Field(ge=0, le=60, description="seconds from 0 to 60")] = 2.0

    # What customers are worth is counted in this currency; others by their rates (`kefu value set rate.USD 7.1`).
    value_currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="three capital letters, such as CNY")] = (
        "CNY"
    )
    # Where other systems leave their files: orders….csv and facts….jsonl are taken in as they come.
    feed_folder: Annotated[Path | None, Field(description="a folder")] = None

    # Memory. No address means: our own Postgres under data_folder.
    database_url: Annotated[
        str | None,
        Field(
            repr=False,
            pattern=r"^postgres(ql)?(\+psycopg)?://",
            description="a Postgres address, such as postgresql://kefu@db.example/kefu",
        ),
    ] = None
    data_folder: Annotated[Path, Field(description="a folder")] = Field(default_factory=data_folder)

    # Asterisk Manager Interface: the reader watches, the actor carries out wishes (none: the reader does both).
    ami_host: Word = "127.0.0.1"
    ami_port: Port = 5038
    ami_username: Word = "kefu_reader"
    ami_secret: Annotated[SecretStr | None, Field(description="the reader's secret")] = None
    ami_actor_username: Annotated[str | None, Field(description="an account of manager.conf")] = None
    ami_actor_secret: Annotated[SecretStr | None, Field(description="the actor's secret")] = None
    ami_tls: Switch = False
    ami_ping_seconds: Seconds = 1.0
    ami_ping_deadline_seconds: Seconds = 5.0

    # Asterisk's own files, where they do not lie in the log folder that Asterisk names (for the back-fill).
    queue_log_file: Annotated[Path | None, Field(description="a file")] = None
    cel_file: Annotated[Path | None, Field(description="a file")] = None

    # The voice menus.
    fastagi_host: Word = "127.0.0.1"
    fastagi_port: Port = 4573
    # A second server that the dialplan asks when the first is not reached: agi://host:port.
    fastagi_other_url: Word | None = None
    # Addresses and networks beside this machine's own that calls may come from: 10.0.0.5, 10.0.0.0/24.
    fastagi_allowed: Annotated[str, Field(description="addresses and networks")] = ""
    step_budget_ms: Milliseconds = 800
    prompts_folder: Annotated[Path | None, Field(description="a folder")] = None

    # Routing: minutes of waiting given to a caller on joining a queue, and the most that all of them together give. The
    # dialplan holds the last cap (CREDIT_AT_MOST_S of extensions.conf): who raises this above ten minutes changes both.
    waiting_credit_key_minutes: Minutes = 3.0
    waiting_credit_main_minutes: Minutes = 1.0
    waiting_credit_ordinary_minutes: Minutes = 0.0
    waiting_credit_small_minutes: Minutes = 0.0
    waiting_credit_broken_promise_minutes: Minutes = 5.0
    waiting_credit_breached_case_minutes: Minutes = 5.0
    waiting_credit_at_most_minutes: Minutes = 10.0
    last_agent_days: Annotated[int, Field(ge=1, le=365, description="whole days from 1 to 365")] = 7

    # The world outside. Webhooks go to any public host, or (when named: crm.example, *.apps.example) to these alone;
    # to addresses inside only where their network is named. Announcements are kept for whoever was away.
    webhook_hosts: Annotated[str, Field(description="host names")] = ""
    webhook_private: Annotated[str, Field(description="addresses and networks")] = ""
    webhook_timeout_seconds: Annotated[float, Field(gt=0, le=60, description="seconds above 0, at most 60")] = 10.0
    webhook_give_up_hours: Annotated[float, Field(gt=0, le=720, description="hours above 0, at most 720")] = 24.0
    announcement_days: Annotated[int, Field(ge=1, le=365, description="whole days from 1 to 365")] = 14
    # Callbacks: countries that may be rung beside the own one (* for all; premium numbers never), hours at which a
    # country's numbers are (its own for *), how many stand in one queue at once, and the windows days ahead.
    callback_countries: Annotated[str, Field(description="countries such as CN HK, or *")] = ""
    callback_hours: Annotated[dict[str, str], Field(description="a table of countries and hours")] = {}
    callback_places: Count = 20
    callback_slot_minutes: Annotated[int, Field(ge=15, le=240, description="whole minutes from 15 to 240")] = 30
    callback_slot_capacity: Count = 4
    # A promise whose window ends within so many minutes, and nobody was rung, is told to supervisors.
    callback_risk_minutes: Minutes = 5.0
    # Queues that the public page /call-me offers (none: there is no such page), how many promises of strangers may be
    # open at once, and the sites that may embed the page in theirs (https://shop.example).
    callback_page_queues: Annotated[str, Field(description="queue names")] = ""
    callback_page_open: Count = 200
    callback_widget_origins: Annotated[str, Field(description="origins such as https://shop.example")] = ""
    # Links from a caller's card into another CRM, by their title; and the hosts that they may lead to.
    pop_url_hosts: Annotated[str, Field(description="host names")] = ""
    pop_urls: Annotated[dict[str, str], Field(description="a table of titles and addresses")] = {}

    # Pages.
    web_host: Word = "127.0.0.1"
    web_port: Port = 8420
    secure_cookies: Switch = True
    heartbeat_seconds: Seconds = 10.0
    sign_in_hours: Annotated[float, Field(gt=0, le=168, description="hours above 0, at most 168")] = 12.0

    # Health and metrics of services that have no page of their own (port 0: none, unless `kefu up` chooses one).
    health_host: Word = "127.0.0.1"
    ivr_health_port: HealthPort = 0
    bridge_health_port: HealthPort = 0
    worker_health_port: HealthPort = 0

    # By role, the fields that are masked (phone, name, email, note); and with whose eyes the command line sees.
    masked_fields: Annotated[dict[str, list[str]], Field(description="a table of roles and their masked fields")] = {}
    # How many days rows are kept, by table (0: for good); `kefu retention show` lists them.
    retention_days: Annotated[dict[str, int], Field(description="a table of tables and days")] = {}

    # People who sign in: the roles that need a one-time code beside the password, and the house that vouches for them.
    second_factor_roles: Annotated[list[str], Field(description="a list of roles")] = []
    oidc_issuer: Annotated[
        str | None, Field(pattern=r"^https?://[^\s]+$", description="an address, such as https://id.example")
    ] = None
    oidc_client_id: Word = "kefu"
    oidc_client_secret: Annotated[SecretStr | None, Field(description="the secret the provider gave")] = None
    oidc_login_claim: Word = "preferred_username"
    oidc_title: Word = "Single sign-on"

    # 64 hexadecimal digits; without it data_folder/site.key is made. Signs certificates, keeps the secrets of sign-ins.
    site_key: Annotated[SecretStr | None, Field(description="64 hexadecimal digits, kept secret")] = None
    cli_role: Annotated[str, Field(description="a role")] = "admin"

    # Wishes and the mirror.
    wish_expiry_seconds: Seconds = 10.0
    after_call_work: Switch = True
    # Who does not take a call rests a moment, so that somebody else is rung; who misses so many within so many minutes
    # is taken for away, and back by itself (0 misses, 0 seconds: no such thing). A phone that is gone for longer than a
    # blip is not rung before it has stayed as long.
    missed_calls: Annotated[int, Field(ge=0, le=100, description="whole calls from 0 to 100")] = 3
    missed_calls_minutes: Annotated[float, Field(gt=0, le=1440, description="minutes above 0, at most 1440")] = 10.0
    missed_calls_away_seconds: Seconds = 120.0
    missed_call_rest_seconds: Annotated[float, Field(ge=0, le=600, description="seconds from 0 to 600")] = 5.0
    # A seat whose page was not seen for so long is free again (0: held until its agent signs out).
    seat_lease_minutes: Annotated[float, Field(ge=0, le=1440, description="minutes from 0 to 1440")] = 120.0
    phone_blip_seconds: Annotated[float, Field(ge=0, le=600, description="seconds from 0 to 600")] = 5.0
    write_linger_ms: Milliseconds = 40
    batch_messages: Count = 200
    batch_messages_behind: Count = 1000
    raw_ring_megabytes: Annotated[
        int, Field(ge=0, le=100000, description="whole megabytes from 0 (keep none) to 100000")
    ] = 64
    journal_days: Annotated[int, Field(ge=1, le=3650, description="whole days from 1 to 3650")] = 14

    @field_validator("fastagi_allowed", "webhook_private")
    @classmethod
    def _known_networks(cls, allowed: str) -> str:
        for each in allowed.replace(",", " ").split():
            try:
                ip_network(each)
            except ValueError:
                raise ValueError(f"{each!r} is no address or network, such as 10.0.0.5 or 10.0.0.0/24") from None
        return allowed

    @field_validator("pop_urls")
    @classmethod
    def _fit_pop_urls(cls, templates: dict[str, str], so_far: ValidationInfo) -> dict[str, str]:
        hosts = str(so_far.data.get("pop_url_hosts", "")).replace(",", " ").split()
        for title, template in templates.items():
            if not title.isprintable() or not 0 < len(title) <= 40:
                raise ValueError("a title has 1 to 40 printable characters")
            check_url_template(template, hosts)
        return templates

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError) as unknown:
            raise ValueError(f"time zone {zone!r} is unknown, write a name such as 'Asia/Shanghai'") from unknown
        return zone

    @field_validator("opening_hours")
    @classmethod
    def _readable_hours(cls, hours: str) -> str:
        read_opening_hours(hours, "UTC")
        return hours

    @field_validator("queue_hours")
    @classmethod
    def _readable_queue_hours(cls, hours: dict[str, str]) -> dict[str, str]:
        for queue, text in hours.items():
            try:
                read_opening_hours(text, "UTC")
            except ValueError as fault:
                raise ValueError(f"{queue}: {fault}") from None
        return hours

    @field_validator("callback_hours")
    @classmethod
    def _readable_callback_hours(cls, hours: dict[str, str]) -> dict[str, str]:
        for country, text in hours.items():
            try:
                read_opening_hours(text, "UTC")
            except ValueError as fault:
                raise ValueError(f"{country}: {fault}") from None
        return hours

    @field_validator("callback_widget_origins")
    @classmethod
    def _known_origins(cls, origins: str) -> str:
        for each in origins.replace(",", " ").split():
            if re.fullmatch(r"https?://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?", each) is None:
                raise ValueError(f"{each!r} is no origin: write scheme and host alone, such as https://shop.example")
        return origins

    @field_validator("masked_fields")
    @classmethod
    def _known_masks(cls, masks: dict[str, list[str]]) -> dict[str, list[str]]:
        rights.check_masks(masks)
        return masks

    @field_validator("retention_days")
    @classmethod
    def _known_days(cls, days: dict[str, int]) -> dict[str, int]:
        retention_days.check(days)
        return days

    @field_validator("second_factor_roles")
    @classmethod
    def _known_roles(cls, roles: list[str]) -> list[str]:
        rights.check_roles(roles)
        return roles

    @field_validator("site_key")
    @classmethod
    def _hexadecimal(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and re.fullmatch(r"[0-9a-fA-F]{64}", key.get_secret_value()) is None:
            raise ValueError("the value given cannot be used, 64 hexadecimal digits are needed")
        return key

    @field_validator("cli_role")
    @classmethod
    def _known_role(cls, role: str) -> str:
        rights.check_roles([role])
        return role

    @field_validator("holidays")
    @classmethod
    def _known_holidays(cls, country: str) -> str:
        if country:
            check_country(country)
        return country

    @property
    def waiting_credit(self) -> CreditRules:
        """The minutes of credit as the rule takes them."""
        tiers = {tier: getattr(self, f"waiting_credit_{tier}_minutes") for tier in ("key", "main", "ordinary", "small")}
        return CreditRules(
            tiers,
            self.waiting_credit_broken_promise_minutes,
            self.waiting_credit_breached_case_minutes,
            self.waiting_credit_at_most_minutes,
        )

    @property
    def callback_served(self) -> frozenset[str]:
        """Countries whose numbers are rung."""
        return frozenset((self.country, *self.callback_countries.replace(",", " ").split()))

    @property
    def callback_widget_sites(self) -> tuple[str, ...]:
        """Origins of the sites that may embed the page for strangers."""
        return tuple(self.callback_widget_origins.replace(",", " ").split())

    @property
    def callback_hours_said(self) -> dict[str, str]:
        """At which hours which country's numbers are rung."""
        return {**CALLING_HOURS, **self.callback_hours}

    @property
    def missed_call_policy(self) -> Policy:
        """What follows a call that was not taken, as the rule takes it."""
        return Policy(
            self.missed_calls,
            self.missed_calls_minutes * 60,
            self.missed_calls_away_seconds,
            self.missed_call_rest_seconds,
        )

    @property
    def zone(self) -> ZoneInfo:
        """`timezone` as an object."""
        return ZoneInfo(self.timezone)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Command line, environment, file; no .env and no secrets folder, so that there is one place to look."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=settings_file())


def read_settings(**overrides: Any) -> Settings:
    """The settings in force. `None` among `overrides` means *not said*. Raises SettingsRefused with one sentence."""
    said = {name: value for name, value in overrides.items() if value is not None}
    file = settings_file()
    if os.environ.get("KEFU_CONFIG") and not file.exists():  # /dev/null stands for no file at all
        raise SettingsRefused(f"the settings file {file} does not exist: mend or unset KEFU_CONFIG")
    try:
        return Settings(**said)
    except tomllib.TOMLDecodeError as broken:
        raise SettingsRefused(f"{file} is not valid TOML: {broken}") from None
    except (UnicodeDecodeError, OSError) as unreadable:
        raise SettingsRefused(f"{file} cannot be read: {unreadable}") from None
    except ValidationError as refused:
        raise SettingsRefused(sentence_of(refused, said, file, Settings.model_fields)) from None
