"""Keys in odd places: encoded, in URLs, cut by a limit. None is written or shown."""

import base64
import json
import logging
import string
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from contexttune.errors import ConfigError
from contexttune.system.encoded_secrets import MIN_CHARS, SecretFinder
from contexttune.system.redaction import masked, require_no_secrets, without_passwords
from tests.command_line import contexttune
from tests.models.fault_server import error, ok, serving

KEY = "sk-recognisable-0123456789"
ODD = "pa\"ss\\word%41/+\n'&é€😀="
ENCODINGS = {
    "plain": str,
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON, not ASCII": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "JSON in JSON": lambda text: json.dumps(json.dumps(text)[1:-1])[1:-1],
    "repr": lambda text: repr(text)[1:-1],
    "ascii": lambda text: ascii(text)[1:-1],
    "shell": lambda text: text.replace("\\", "\\\\").replace('"', '\\"'),
    "percent": lambda text: quote(text, safe=""),
    "percent, small": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "percent, of paths": quote,
    "form": quote_plus,
    "percent twice": lambda text: quote(quote(text, safe=""), safe=""),
    "percent of JSON": lambda text: quote(json.dumps(text)[1:-1], safe=""),
}
BASE64 = {"standard": base64.b64encode, "URL-safe": base64.urlsafe_b64encode}
# printable, any letters, and what encodings escape
SECRETS = st.text(
    st.one_of(st.sampled_from(string.printable[:95]), st.characters(exclude_categories=["Cs", "Cc"])),
    min_size=MIN_CHARS,
    max_size=60,
).filter(lambda text: text == text.strip("\\%*") and sum(map(text.count, "\\%")) < 3)
AROUND = st.text(st.sampled_from(string.ascii_letters + ' {}:,"<>'), max_size=20)


def hidden(secret: str, text: str) -> str:
    return SecretFinder([secret], "***").masked(text)


@settings(max_examples=300)
@given(SECRETS, AROUND, AROUND, st.sampled_from(sorted(ENCODINGS)))
def test_a_secret_is_masked_in_any_encoding(secret, before, after, encoding):
    assume(secret[:MIN_CHARS] not in before + after)
    encoded = ENCODINGS[encoding](secret)
    assert hidden(secret, f"{before}{encoded}|{after}") == f"{before}***|{after}"


@settings(max_examples=300)
@given(SECRETS, st.sampled_from(sorted(BASE64)), st.integers(0, 2), st.binary(max_size=9))
def test_a_secret_is_masked_in_base64_at_each_alignment(secret, encoding, n_before, after):
    raw = secret.encode()
    text = BASE64[encoding](b"x" * n_before + raw + after).decode()
    left = hidden(secret, text)
    assert "***" in left
    around = left.replace("***", "")
    assert (
        len(around) < len(BASE64[encoding](b"x" * n_before + after)) + 8
    )  # digits that share bits with others


@settings(max_examples=500)
@given(SECRETS, AROUND, st.sampled_from(sorted(ENCODINGS)), st.data())
def test_a_secret_that_is_cut_is_masked(secret, before, encoding, data):
    assume(secret[:MIN_CHARS] not in before)
    left = secret[: data.draw(st.integers(MIN_CHARS, len(secret)))]
    text = before + ENCODINGS[encoding](left)
    for end in ("", "...", "…", "...'", '"]}'):
        assert left not in hidden(secret, text + end)
        assert hidden(secret, text + end).startswith(before)
        assert len(hidden(secret, text + end)) <= len(f"{before}***{end}")
    whole = ENCODINGS[encoding](secret)
    for cut in range(
        len(ENCODINGS[encoding](secret[:MIN_CHARS])), len(whole)
    ):  # also in the middle of an escape
        assert hidden(secret, before + whole[:cut]) == f"{before}***"


@settings(max_examples=200)
@given(SECRETS, st.integers(0, 2), st.data())
def test_a_secret_in_base64_that_is_cut_is_masked(secret, n_before, data):
    whole = base64.b64encode(b"x" * n_before + secret.encode()).decode().rstrip("=")
    begin = -(-n_before * 8 // 6)
    cut = data.draw(st.integers(min(begin + MIN_CHARS, len(whole) - 1), len(whole)))
    assert len(hidden(secret, whole[:cut])) < begin + MIN_CHARS


@given(st.text(), st.lists(SECRETS, max_size=3))
def test_a_text_without_secrets_is_left_alone(text, secrets):
    plain = SecretFinder(secrets, "***").masked(text)
    if not any(secret[:MIN_CHARS] in text for secret in secrets):
        assert plain == text


@given(st.text(st.sampled_from('ab\\%u0041x25"'), max_size=60))
def test_no_text_is_too_odd(text):
    assert len(SecretFinder(["aaaaaaaa", "a\\b%41ab"], "***").masked(text)) <= len(text)


PLACES = {
    "query": "https://host/v1?api-key={}&x=1",
    "last in a query": "https://host/v1?x=1&access_token={}",
    "relative": "GET /v1/models?key={} HTTP/1.1",
    "path": "https://host/{}/v1",
    "end of a path": "see https://host/hooks/{}.",
    "user": "https://{}@host/v1",
    "password": "https://user:{}@host/v1",
    "password with @": "https://user:p@{}@host/v1",
    "quoted": 'a: "https://host/{}/v1"',
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("key", [KEY, "AKIA0123456789ABCDEF", "0123456789abcdef0123456789abcdef"])
def test_a_key_in_a_url_is_masked_without_knowing_it(place, key):
    shown = without_passwords(PLACES[place].format(key))
    assert key not in shown
    assert "***" in shown
    assert shown.startswith(PLACES[place].partition("{")[0].partition("p@")[0])


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/{repo}.git",
        "https://api.openai.com/v1/chat/completions?limit=3&order=asc",
        "https://x.openai.azure.com/openai/deployments/gpt-4o-mini-2024-07-18",
        "https://huggingface.co/meta-llama/Meta-Llama-3.1-70B-Instruct",
        f"https://github.com/django/django/commit/{'a1' * 20}",
        "file:///tmp/pytest-of-root/pytest-165/a1b2c3d4e5f6a7b8c9d0e1f2/x",
        "package://contexttune/demo/repos/{owner}__{name}.bundle",
        "https://h/v1?api-key=${oc.env:KEY}",
        "https://user:${oc.env:PASS}@h/v1",
        "if a?b:c; &x=1; key=value",
    ],
)
def test_what_is_no_key_stays_in_a_url(url):
    assert without_passwords(url) == url
    require_no_secrets({"model": {"base_url": url}})


@pytest.mark.parametrize("place", ["query", "path", "user", "password"])
def test_a_literal_key_in_a_configured_url_is_refused(place):
    with pytest.raises(ConfigError, match=r"^model\.base_url contains a password or a key"):
        require_no_secrets({"model": {"base_url": PLACES[place].format(KEY)}})


def test_a_key_of_an_endpoint_in_the_environment_is_masked_wherever_it_is_quoted(monkeypatch):
    monkeypatch.setenv(
        "OPENAI_BASE_URL", f"https://u:{quote(ODD, safe='')}@host/{KEY}/v1?sig=another-long-one"
    )
    given = {f"at {KEY}": [quote(KEY), base64.b64encode(f"x{KEY}".encode()).decode(), "another-long-one"]}
    shown = json.dumps(masked(given))
    assert "recognisable" not in shown
    assert "another" not in shown
    assert base64.b64encode(KEY.encode()).decode()[4:20] not in shown


@pytest.mark.parametrize(
    "name", ["MY_KEY", "GH_PAT", "DB_PWD", "OPENAI_API_KEY_2", "PROXY_AUTH", "A_PASSPHRASE"]
)
def test_variables_that_are_named_like_keys(monkeypatch, name):
    monkeypatch.setenv(name, KEY)
    assert masked(f"x{KEY}x") == "x***x"


def test_directories_are_no_keys(monkeypatch):
    monkeypatch.setenv("PWD", "/home/somebody/work")
    monkeypatch.setenv("PYTHONPATH", "/home/somebody/lib")
    assert masked("/home/somebody/work /home/somebody/lib") == "/home/somebody/work /home/somebody/lib"


@pytest.mark.parametrize("runner", ["single_shot", pytest.param("mini_swe_agent", marks=pytest.mark.bwrap)])
def test_nothing_that_an_endpoint_says_about_a_key_is_kept(tmp_path, runner):
    """It quotes the key in its errors: plain, encoded, cut, and in a URL."""
    digits = base64.b64encode(f"user:{KEY}".encode()).decode()
    said = f"{KEY} {quote(KEY, safe='')} {digits} https://h/{KEY}/v1?api-key={KEY} {'x' * 300}"
    with serving(ok("listed"), error(400, said), error(400, f"{'y' * 480}{KEY}")) as server:
        url = server.url.replace("/v1", f"/{KEY}/v1?api-key={KEY}")
        keys = ("slice=demo", "slice.limit=1", "harness=none", "condition=no_context", "model.name=m")
        env = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": url}
        runs = [
            contexttune(f"runner={runner}", *keys, "group_id=g", "model.attempts=1", cwd=tmp_path, **env)
            for _ in range(2)
        ]
    for done in runs:
        assert done.returncode in (3, 4), done.stdout + done.stderr
        assert "recognisable" not in done.stdout + done.stderr
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name == "attempt.json" for path in files) or runs[0].returncode == 3
    for path in files:
        raw = path.read_bytes()
        assert b"recognisable" not in raw, path
        assert digits[12:24].encode() not in raw, path


def test_the_log_file_masks_what_the_console_masks(tmp_path, monkeypatch, capsys):
    from contexttune.system.progress import ConsoleHandler, LogFileHandler

    monkeypatch.setenv("MY_KEY", KEY)
    log = logging.getLogger("attacked")
    log.propagate = False
    handlers = [ConsoleHandler(), LogFileHandler(tmp_path / "x.log")]
    for handler in handlers:
        log.addHandler(handler)
    try:
        raise ValueError(f"refused {quote(KEY)} and {KEY}")
    except ValueError:
        log.exception("with %s", KEY)
    finally:
        for handler in handlers:
            log.removeHandler(handler)
            handler.close()
    for text in (capsys.readouterr().out, Path(tmp_path / "x.log").read_text()):
        assert "with ***" in text
        assert "refused *** and ***" in text
