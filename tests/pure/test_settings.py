"""Settings: who wins, and one sentence for each fault, never with a secret in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from crm.settings import SettingsRefused, read_settings


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "kefu.toml"
    path.write_text("")
    monkeypatch.setenv("KEFU_CONFIG", str(path))
    return path


def test_command_line_then_environment_then_file_then_default(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_settings().web_port == 8420
    file.write_text("web_port = 1001\n")
    assert read_settings().web_port == 1001
    monkeypatch.setenv("KEFU_WEB_PORT", "1002")
    assert read_settings().web_port == 1002
    assert read_settings(web_port=1003).web_port == 1003
    assert read_settings(web_port=None).web_port == 1002


def test_the_file_of_the_working_folder_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KEFU_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kefu.toml").write_text('node = "north"\n')
    assert read_settings().node == "north"


def test_an_unknown_key_names_itself_its_file_and_the_nearest_known(file: Path) -> None:
    file.write_text('ami_secrt = "x"\n')
    with pytest.raises(SettingsRefused) as refused:
        read_settings()
    assert str(refused.value) == f"unknown setting 'ami_secrt' in {file}: did you mean 'ami_secret'?"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("web_port = 99999", "web_port in {file}: 99999 cannot be used, a port number from 1 to 65535 is needed"),
        ("country = 'china'", "country in {file}: 'china' cannot be used, two capital letters, such as CN is needed"),
        ("opening_hours = 'someday'", '"someday" names no hours'),
        ("timezone = 'Mars/Base'", "time zone 'Mars/Base' is unknown, write a name such as 'Asia/Shanghai'"),
        ("web_port = ", "{file} is not valid TOML"),
    ],
)
def test_a_wrong_value_names_setting_value_and_remedy(file: Path, written: str, expected: str) -> None:
    file.write_text(written + "\n")
    with pytest.raises(SettingsRefused) as refused:
        read_settings()
    assert expected.format(file=file) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_wrong_value_of_the_environment_is_named_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEFU_AMI_PORT", "asterisk")
    with pytest.raises(SettingsRefused, match=r"^KEFU_AMI_PORT in the environment: 'asterisk' cannot be used"):
        read_settings()


@pytest.mark.parametrize("name", ["database_url", "ami_secret"])
def test_no_secret_is_printed(file: Path, name: str) -> None:
    file.write_text(f"{name} = ['mysql://me:hunter2@db']\n")
    with pytest.raises(SettingsRefused) as refused:
        read_settings()
    assert "hunter2" not in str(refused.value)


def test_settings_do_not_show_their_secrets() -> None:
    settings = read_settings(ami_secret="hunter2", database_url="postgresql://me:hunter3@db/kefu")
    assert "hunter" not in repr(settings)


def test_a_settings_file_that_is_named_must_exist(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KEFU_CONFIG", str(tmp_path / "gone.toml"))
    with pytest.raises(SettingsRefused, match=r"gone\.toml does not exist: mend or unset KEFU_CONFIG"):
        read_settings()
