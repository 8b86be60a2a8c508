"""TOML file, environment -> Serve, Secrets: what `affekt serve` is told. The only module that reads the environment.

    serve = load("serve.toml")             what anybody may read
    secrets = unlock(serve)                what nobody may read: AFFEKT_SECRET, AFFEKT_DATABASE_URL, ...
    for line in explain("serve.toml"): ...    `affekt serve --check`: what would run, and every mistake with its place

No secret has a place in the file, and none is ever printed: those of the environment are listed in `VARIABLES`. Where
no AFFEKT_SECRET is given, a file `secret` that only its owner can read is made in the data folder, once.
"""

from __future__ import annotations

import base64
import binascii
import copy
import dataclasses
import ipaddress
import os
import re
import secrets as randomness
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from affekt import bundle, config, denoise, registry
from affekt.errors import AffektError, ConfigError, UnknownNameError, UsageError

VARIABLES = {
    "AFFEKT_SECRET": "32 bytes in base64; every key of the service is derived from it",
    "AFFEKT_SECRET_FILE": "a file with the same, instead",
    "AFFEKT_DATABASE_URL": "instead of `database`, since it may hold a password",
    "AFFEKT_ADMIN_PASSWORD": "of the first user, admin; without it one is made and shown once",
    "AFFEKT_OIDC_CLIENT_SECRET": "what this service shares with the issuer of single sign-on",
}
"""Of the environment: name -> what it is. Another name that starts with AFFEKT_ is refused: it is a slip."""

_FOREIGN = {"AFFEKT_CONFIG"}  # read by the command line and the images of containers, not by the service
_SECRET_BYTES = 32
_SHORTEST_PASSWORD = 12
_HOP = (0.1, 30.0)  # s; `affekt.recognizer` allows no others


def _ranged(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise UsageError(f"{name} must be {low:g} to {high:g}, given {value!r}")


def _pair(cert: Path | None, key: Path | None) -> None:
    if (cert is None) != (key is None):
        raise UsageError("tls_cert and tls_key belong together; give both or neither")


@dataclass(frozen=True, slots=True)
class Http:
    """Where people and programs ask: REST, dashboard, metrics."""

    host: str = "127.0.0.1"
    port: int = 8000
    tls_cert: Path | None = None
    "PEM; without it, put a proxy that speaks TLS in front"
    tls_key: Path | None = None
    origins: tuple[str, ...] = ()
    "further origins whose pages may ask, e.g. https://wall.example.com; the service's own always may"
    proxies: tuple[str, ...] = ()
    "addresses whose X-Forwarded-For and X-Forwarded-Proto are believed"
    rate: float = 20.0
    "requests per second that one user or key may make on average"
    burst: int = 100
    "requests that one user or key may make at once"

    def __post_init__(self) -> None:
        _ranged("port", self.port, 0, 65535)
        _ranged("rate", self.rate, 0.1, 1e6)
        _ranged("burst", self.burst, 1, 1e6)
        _pair(self.tls_cert, self.tls_key)
        for origin in self.origins:
            if not re.fullmatch(r"https?://[^/\s]+", origin):
                raise UsageError(
                    f"an origin is scheme and host without a path, e.g. https://a.example, given {origin!r}"
                )

    @property
    def local(self) -> bool:
        """Nobody outside this machine can reach it."""
        return _loopback(self.host)

    @property
    def address(self) -> str:
        """Where it is, as people write it."""
        return f"{'https' if self.tls_cert else 'http'}://{_written(self.host)}:{self.port}"


@dataclass(frozen=True, slots=True)
class Ingest:
    """Where carriers and telephone systems send their sound."""

    host: str = "127.0.0.1"
    port: int = 8001
    tls_cert: Path | None = None
    tls_key: Path | None = None
    max_calls: int = 256
    audiosocket_port: int | None = None
    "TCP, for Asterisk's AudioSocket; it has no TLS"
    audiosocket_allow: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    "networks that may open an AudioSocket"
    public: str | None = None
    "wss://host that the platforms were told, where a proxy stands in front: some of them sign it"

    def __post_init__(self) -> None:
        _ranged("port", self.port, 0, 65535)
        _ranged("audiosocket_port", self.audiosocket_port or 0, 0, 65535)
        _ranged("max_calls", self.max_calls, 1, 65536)
        _pair(self.tls_cert, self.tls_key)
        if self.public is not None and not re.fullmatch(r"wss?://[^/\s]+", self.public):
            raise UsageError(f"public is wss://host without a path, given {self.public!r}")
        for network in self.audiosocket_allow:
            try:
                ipaddress.ip_network(network)
            except ValueError as error:
                raise UsageError(f"audiosocket_allow: {error}; a network is written as 10.1.0.0/16") from error

    @property
    def address(self) -> str:
        """Where it is, as platforms are told."""
        return self.public or f"{'wss' if self.tls_cert else 'ws'}://{_written(self.host)}:{self.port}"


@dataclass(frozen=True, slots=True)
class Engine:
    """How calls are heard."""

    model: str = "default"
    models: tuple[str, ...] = ()
    "lighter models that are fallen back on under load, the best first"
    hop: float = 1.0
    "seconds from one judged window to the next"
    denoise: str = "none"
    vad: str = "silero"
    threads: int = 1
    rules: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    "alert rule -> settings that should be others, as in `affekt listen --rules`"

    def __post_init__(self) -> None:
        _ranged("hop", self.hop, *_HOP)
        _ranged("threads", self.threads, 1, 256)


@dataclass(frozen=True, slots=True)
class Predict:
    """Recordings that are sent to /v1/predict."""

    max_files: int = 32
    "recordings in one request"
    max_bytes: int = 512 * 2**20
    "of one request"
    at_once: float = 60.0
    "seconds of sound up to which a request is answered at once; a longer one becomes a job"
    longest: float = 4 * 3600.0
    "seconds of work after which a recording is given up"
    waiting: int = 16
    "requests that may be under way or wait; one more is told to come back, so that the disk holds what they bring"
    keep_hours: float = 24.0
    "for which the result of a job is kept"

    def __post_init__(self) -> None:
        _ranged("max_files", self.max_files, 1, 10_000)
        _ranged("max_bytes", self.max_bytes, 1024, 2**40)
        _ranged("at_once", self.at_once, 0, 3600)
        _ranged("longest", self.longest, 1, 7 * 86400)
        _ranged("waiting", self.waiting, 1, 100_000)
        _ranged("keep_hours", self.keep_hours, 0.01, 24 * 365)


@dataclass(frozen=True, slots=True)
class Oidc:
    """Single sign-on by OpenID Connect. The client's secret is AFFEKT_OIDC_CLIENT_SECRET."""

    issuer: str
    "URL; its /.well-known/openid-configuration says the rest"
    client_id: str
    name: str = "single sign-on"
    "on the button"
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    user_claim: str = "email"
    "claim that names the user"
    role_claim: str = "roles"
    "claim whose values are looked up in `roles`"
    roles: Mapping[str, Literal["viewer", "supervisor", "admin", "auditor"]] = field(default_factory=dict)
    "value of the claim -> role; who has none of them is refused"
    tenant: str = "default"
    "to whom its users belong"

    def __post_init__(self) -> None:
        secure = self.issuer.startswith("https://")
        host = re.fullmatch(r"http://(\[[^\]]+\]|[^/:]+)(:\d+)?(/.*)?", self.issuer)
        if not secure and not (host and _loopback(host[1].strip("[]"))):
            raise UsageError(f"issuer must be an https:// address, given {self.issuer!r}")
        if "openid" not in self.scopes:
            raise UsageError("scopes must hold 'openid'; without it the issuer names nobody")


@dataclass(frozen=True, slots=True)
class Auth:
    """Who may come in."""

    enabled: bool = True
    "false is allowed on loopback only: whoever asks is admin"
    session_hours: float = 12.0
    oidc: Oidc | None = None

    def __post_init__(self) -> None:
        _ranged("session_hours", self.session_hours, 0.05, 24 * 90)


@dataclass(frozen=True, slots=True)
class Privacy:
    """What is kept of people, for new tenants; a tenant's own settings win."""

    retention_days: int = 30
    notice_default: bool = False
    "callers are told of it where the platform does not say otherwise"
    record_audio: bool = False
    "keep the sound of those who consented, encrypted"

    def __post_init__(self) -> None:
        _ranged("retention_days", self.retention_days, 1, 36500)


@dataclass(frozen=True, slots=True)
class Log:
    """What is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "text"] = "text"


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Where traces go."""

    otlp: str
    "endpoint, e.g. http://127.0.0.1:4318"


@dataclass(frozen=True, slots=True)
class Serve:
    """All that the file can say.

    >>> config.parse(Serve, {"http": {"port": 80}}, source="serve.toml").http.port
    80
    >>> config.parse(Serve, {"http": {"host": "0.0.0.0"}, "auth": {"enabled": False}}, source="serve.toml")
    Traceback (most recent call last):
    affekt.errors.ConfigError: serve.toml: auth.enabled = false lets anybody in, and http.host = '0.0.0.0' can be
    reached from outside; use 127.0.0.1, or leave auth on
    """

    folder: Path = Path("affekt-data")
    "database, secret, uploads"
    database: str | None = None
    "sqlite:///path or postgresql://host/name; none: affekt.db in the folder"
    http: Http = field(default_factory=Http)
    ingest: Ingest = field(default_factory=Ingest)
    engine: Engine = field(default_factory=Engine)
    predict: Predict = field(default_factory=Predict)
    auth: Auth = field(default_factory=Auth)
    privacy: Privacy = field(default_factory=Privacy)
    log: Log = field(default_factory=Log)
    drain_seconds: float = 20.0
    "for which calls may end by themselves when the service stops"
    telemetry: Telemetry | None = None

    def __post_init__(self) -> None:
        _ranged("drain_seconds", self.drain_seconds, 0, 86400)
        if self.database is not None:
            _check_url(self.database)
        if not self.auth.enabled and not self.http.local:
            raise UsageError(
                f"auth.enabled = false lets anybody in, and http.host = {self.http.host!r} can be reached from "
                "outside; use 127.0.0.1, or leave auth on"
            )
        if not self.auth.enabled and not _loopback(self.ingest.host):
            raise UsageError(
                f"auth.enabled = false lets any call in, and ingest.host = {self.ingest.host!r} can be reached from "
                "outside; use 127.0.0.1, or leave auth on"
            )
        ports = [self.http.port, self.ingest.port, self.ingest.audiosocket_port]
        taken = [port for port in ports if port]  # 0: any that is free
        if len(set(taken)) < len(taken):
            raise UsageError(f"http, ingest and audiosocket need a port each, given {', '.join(map(str, taken))}")


@dataclass(frozen=True, slots=True)
class Secrets:
    """What must not be seen; printing it shows nothing.

    >>> Secrets(b"x" * 32, "sqlite://")
    Secrets()
    """

    secret: bytes = field(repr=False)
    "32 bytes from which all keys are derived"
    database: str = field(repr=False)
    "URL, with its password"
    admin_password: str | None = field(default=None, repr=False)
    oidc_client_secret: str | None = field(default=None, repr=False)


def load(path: str | Path | None = None) -> Serve:
    """Read the file, or take the defaults where there is none.

    Raises:
        ConfigError: it cannot be read, an unknown key, or a value that is not allowed.

    >>> load().http.port
    8000
    """
    return Serve() if path is None else config.load(Serve, path)


def opened(serve: Serve) -> Serve:
    """Let anybody in.

    Raises:
        UsageError: it can be reached from outside.
    """
    return dataclasses.replace(serve, auth=dataclasses.replace(serve.auth, enabled=False))


def unlock(serve: Serve, environment: Mapping[str, str] | None = None) -> Secrets:
    """Read the secrets from the environment; make the folder and its secret where there is none yet.

    Args:
        serve: what the file says.
        environment: instead of that of the process.

    Raises:
        ConfigError: a variable is not what it should be; its value is never in the message.
    """
    env = os.environ if environment is None else environment
    for trouble in _slips(env):
        raise ConfigError(trouble)
    given = _given_secret(env)
    return Secrets(
        secret=given if given is not None else _kept_secret(serve.folder),
        database=env.get("AFFEKT_DATABASE_URL") or serve.database or f"sqlite:///{serve.folder / 'affekt.db'}",
        admin_password=env.get("AFFEKT_ADMIN_PASSWORD"),
        oidc_client_secret=env.get("AFFEKT_OIDC_CLIENT_SECRET"),
    )


def harmless(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Give the environment without what is ours, for processes that need no secret.

    >>> harmless({"AFFEKT_SECRET": "...", "PATH": "/bin"})
    {'PATH': '/bin'}
    """
    env = os.environ if environment is None else environment
    return {name: value for name, value in env.items() if not name.startswith("AFFEKT_")}


def handed(name: str, environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Give the environment of one of the service's processes: passwords and the database are control's alone.

    >>> handed("engine", {"AFFEKT_SECRET": "s", "AFFEKT_ADMIN_PASSWORD": "p", "PATH": "/bin"})
    {'PATH': '/bin', 'AFFEKT_SECRET': 's'}
    """
    env = dict(os.environ if environment is None else environment)
    keys = {name: env[name] for name in ("AFFEKT_SECRET", "AFFEKT_SECRET_FILE") if name in env}
    return env if name == "control" else harmless(env) | keys


def masked(url: str) -> str:
    """Show where a database is, without who asks it.

    >>> masked("postgresql://ada:enigma@db.example/calls")
    'postgresql://***@db.example/calls'
    """
    masked = re.sub(r"//[^/]*@", "//***@", url)
    return masked.partition("?")[0]


# Secrets ----------------------------------------------------------------------------------------------------------


def _slips(env: Mapping[str, str]) -> Iterator[str]:
    """Say what is wrong with the environment."""
    for name in sorted(env):
        if name.startswith("AFFEKT_") and name not in VARIABLES and name not in _FOREIGN:
            yield f"environment: {UnknownNameError('variable', name, VARIABLES)}"
    try:
        _given_secret(env)
    except ConfigError as error:
        yield str(error)
    if env.get("AFFEKT_DATABASE_URL"):
        try:
            _check_url(env["AFFEKT_DATABASE_URL"])
        except UsageError as error:
            yield f"environment, AFFEKT_DATABASE_URL: {error}"
    password = env.get("AFFEKT_ADMIN_PASSWORD")
    if password is not None and len(password) < _SHORTEST_PASSWORD:
        yield f"environment, AFFEKT_ADMIN_PASSWORD: must have {_SHORTEST_PASSWORD} characters, has {len(password)}"


def _given_secret(env: Mapping[str, str]) -> bytes | None:
    text, file = env.get("AFFEKT_SECRET"), env.get("AFFEKT_SECRET_FILE")
    if text is not None and file is not None:
        raise ConfigError("environment: AFFEKT_SECRET and AFFEKT_SECRET_FILE are both given; leave one out")
    if text is not None:
        return _decode(text, "environment, AFFEKT_SECRET")
    return None if file is None else _from_file(Path(file), "environment, AFFEKT_SECRET_FILE")


def _from_file(path: Path, place: str) -> bytes:
    try:
        return _decode(path.read_text(encoding="ascii", errors="replace"), f"{place} ({path})")
    except OSError as error:
        raise ConfigError(f"{place}: cannot read {path}: {error.strerror}") from error


def _decode(text: str, place: str) -> bytes:
    try:
        value = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        value = b""
    if len(value) != _SECRET_BYTES:
        make = 'python -c "import base64, secrets; print(base64.b64encode(secrets.token_bytes(32)).decode())"'
        raise ConfigError(f"{place}: must be {_SECRET_BYTES} bytes in base64; make one: {make}")
    return value


def _kept_secret(folder: Path) -> bytes:
    """Read the folder's secret; the first who comes makes it."""
    path = folder / "secret"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _make_secret(path)
    except OSError as error:
        raise ConfigError(f"folder: cannot write to {folder}: {error.strerror}") from error
    return _from_file(path, "folder")


def _make_secret(path: Path) -> None:
    """Write it beside and link it, so that of two who start at once both read the same, and whole."""
    beside = path.with_name(f"secret.{os.getpid()}")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(base64.b64encode(randomness.token_bytes(_SECRET_BYTES)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(beside, path)
    except FileExistsError:
        pass
    finally:
        beside.unlink()


def _check_url(url: str) -> None:
    if not re.match(r"(sqlite://|postgresql(\+pg8000)?://)", url):
        scheme = re.match(r"[a-z0-9+]{0,20}", url)
        raise UsageError(
            f"a database is sqlite:///path or postgresql://host/name, given {scheme[0] if scheme else ''}..."
        )


def _written(host: str) -> str:
    return f"[{host}]" if ":" in host else "localhost" if host in ("", "0.0.0.0") else host  # noqa: S104


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


# Check ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Check:
    """What `affekt serve --check` found out."""

    plan: tuple[str, ...]
    "what would run, a line each; empty where the file cannot be read as settings"
    mistakes: tuple[str, ...]
    "each with its place"

    def lines(self) -> list[str]:
        """All of it, for people."""
        return [*self.plan, *(f"mistake: {text}" for text in self.mistakes)]


def explain(path: str | Path | None = None, environment: Mapping[str, str] | None = None) -> Check:
    """Say what would run, and everything that is wrong; starts nothing, writes nothing, shows no secret.

    Args:
        path: the file; None: the defaults.
        environment: instead of that of the process.

    >>> explain(environment={}).mistakes
    ()
    """
    env = os.environ if environment is None else environment
    mistakes = [*_file_mistakes(path), *_slips(env)]
    try:
        serve = load(path)
    except ConfigError:
        return Check((), tuple(mistakes))
    source = "defaults" if path is None else str(path)
    mistakes += [f"{source}, {text}" for text in _absent(serve)]
    return Check(tuple(_plan(serve, env)), tuple(mistakes))


def _file_mistakes(path: str | Path | None) -> list[str]:
    """Find them one by one: the value without which a message goes away is left out, so that it hides no other."""
    if path is None or (found := _refusal(partial(load, path))) is None:
        return []
    try:
        mapping: dict[str, Any] = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return [found]
    mistakes = []
    while found is not None:
        mistakes.append(found)
        rest, found = _without(mapping, found, str(path))
        if rest is mapping:
            break
        mapping = rest
    return mistakes


def _without(mapping: dict[str, Any], mistake: str, source: str) -> tuple[dict[str, Any], str | None]:
    """Leave out the value that makes the mistake; give what is left, and the next mistake in it."""
    for keys in _places(Serve, mapping):
        rest = copy.deepcopy(mapping)
        table = rest
        for key in keys[:-1]:
            table = table[key]
        del table[keys[-1]]
        next_one = _refusal(partial(config.parse, Serve, rest, source=source))
        if next_one != mistake:
            return rest, next_one
    return mapping, mistake


def _refusal(act: Callable[[], Any]) -> str | None:
    try:
        act()
    except ConfigError as error:
        return str(error)
    return None


def _places(kind: Any, mapping: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Give the keys of each value; a table whose class has fields without default is one value."""
    kinds = get_type_hints(kind)
    for key, value in mapping.items():
        inner = _dataclass_of(kinds.get(key))
        if inner is not None and isinstance(value, Mapping):
            yield from ((key, *rest) for rest in _places(inner, value))
        else:
            yield (key,)


def _dataclass_of(kind: Any) -> Any:
    members = [kind] if get_origin(kind) is None else get_args(kind)
    found = next((member for member in members if dataclasses.is_dataclass(member)), None)
    if found is None or any(f.default is f.default_factory is dataclasses.MISSING for f in dataclasses.fields(found)):
        return None
    return found


def _absent(serve: Serve) -> Iterator[str]:
    """Name what the settings speak of and is not there."""
    from affekt.live import rules

    engine = serve.engine
    asked: dict[str, Callable[[], Any]] = {
        "engine.vad": partial(registry.load, "vad", engine.vad),
        "engine.denoise": partial(denoise.stage, engine.denoise),
        "engine.rules": partial(rules.defaults, engine.rules),
        "engine.model": partial(bundle.card, engine.model),
        **{f"engine.models[{i}]": partial(bundle.card, name) for i, name in enumerate(engine.models)},
    }
    for place, act in asked.items():
        try:
            act()
        except AffektError as error:
            yield f"{place}: {error}"
    yield from _absent_files(serve)


def _absent_files(serve: Serve) -> Iterator[str]:
    for name in ("http", "ingest"):
        part = getattr(serve, name)
        for key in ("tls_cert", "tls_key"):
            path = getattr(part, key)
            if path is not None and not (path.is_file() and os.access(path, os.R_OK)):
                yield f"{name}.{key}: cannot read {path}"
    there = next((p for p in (serve.folder, *serve.folder.absolute().parents) if p.exists()), Path())
    if not (there.is_dir() and os.access(there, os.W_OK)):
        yield f"folder: cannot write to {there}"


def _plan(serve: Serve, env: Mapping[str, str]) -> Iterator[str]:
    """Say in lines what would run."""
    http, ingest, engine = serve.http, serve.ingest, serve.engine
    tls = ("http", "https")[http.tls_cert is not None], ("ws", "wss")[ingest.tls_cert is not None]
    yield f"control   {tls[0]}://{http.host}:{http.port}  REST, dashboard, metrics"
    yield f"gateway   {tls[1]}://{ingest.host}:{ingest.port}  up to {ingest.max_calls} calls"
    if ingest.audiosocket_port:
        yield f"          tcp://{ingest.host}:{ingest.audiosocket_port}  from {', '.join(ingest.audiosocket_allow)}"
    models = ", ".join((engine.model, *engine.models))
    hears = f"vad {engine.vad}, denoise {engine.denoise}, every {engine.hop:g} s, threads {engine.threads}"
    yield f"engine    {models}; {hears}"
    changed = f", changed: {', '.join(engine.rules)}" if engine.rules else ""
    yield f"rules     those that ship{changed}"
    database = env.get("AFFEKT_DATABASE_URL") or serve.database or f"sqlite:///{serve.folder / 'affekt.db'}"
    yield f"store     {masked(database)}; data in {serve.folder}"
    yield f"secret    {_origin(serve, env)}"
    sign_on = f", single sign-on at {serve.auth.oidc.issuer}" if serve.auth.oidc else ""
    sessions = f"sessions of {serve.auth.session_hours:g} h{sign_on}"
    yield f"who       {sessions if serve.auth.enabled else 'anybody on this machine, as admin'}"
    kept = "with the sound of those who consented" if serve.privacy.record_audio else "without sound"
    yield f"privacy   kept for {serve.privacy.retention_days} days, {kept}"


def _origin(serve: Serve, env: Mapping[str, str]) -> str:
    for name in ("AFFEKT_SECRET", "AFFEKT_SECRET_FILE"):
        if name in env:
            return f"from {name}"
    path = serve.folder / "secret"
    return f"from {path}" if path.exists() else f"none yet; one would be made in {path}"
