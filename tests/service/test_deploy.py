"""The rules of `deploy/`: its files fit each other, the code and the programs that read them."""

from __future__ import annotations

import configparser
import http.server
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path

import pytest

from affekt import config, registry

yaml = pytest.importorskip("yaml", reason="pip install pyyaml")
pytest.importorskip("prometheus_client", reason='pip install "affekt[serve]"')

from affekt.service.metrics import FAMILIES  # noqa: E402

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SERVICES = COMPOSE["services"]
ALERTS = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text(encoding="utf-8"))
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
BOARD = json.loads((DEPLOY / "grafana" / "affekt.json").read_text(encoding="utf-8"))
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]
SAMPLES = {name: family for family in FAMILIES for name in family.samples}


def program(name: str) -> str:
    """Where a program of the system is; the test is skipped where it is not."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def run(*words: str | Path, **more) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*map(str, words)], capture_output=True, text=True, check=False, **more)


# The command and its settings -------------------------------------------------------------------------------------


def commands() -> dict[str, list[str]]:
    unit = next(line for line in (DEPLOY / "affekt.service").read_text().splitlines() if line.startswith("ExecStart="))
    image = next(line for line in (DEPLOY / "Dockerfile").read_text().splitlines() if line.startswith("CMD ["))
    return {"affekt.service": unit.partition("=")[2].split(), "Dockerfile": json.loads(image.removeprefix("CMD "))}


@pytest.mark.parametrize("file", ["affekt.service", "Dockerfile"])
def test_what_is_started_is_a_command_with_its_options(file):
    program_, name, *words = commands()[file]
    assert Path(program_).name in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    if name not in registry.names("cli"):
        pytest.skip(f"this checkout has no affekt {name}")
    command = registry.load("cli", name).command
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("-")} <= known


@pytest.mark.parametrize("file", ["affekt.toml", "compose.toml"])
def test_the_settings_are_read(file):
    mapping = tomllib.loads((DEPLOY / file).read_text(encoding="utf-8"))
    if find_spec("affekt.service.settings") is None:
        pytest.skip("this checkout has no affekt.service.settings")
    from affekt.service.settings import Serve

    assert config.parse(Serve, mapping, source=file).folder == Path("/var/lib/affekt")


def test_the_example_names_every_key_at_its_default():
    if find_spec("affekt.service.settings") is None:
        pytest.skip("this checkout has no affekt.service.settings")
    from affekt.service import settings

    text = (DEPLOY / "affekt.toml").read_text(encoding="utf-8")
    given, default = config.load(settings.Serve, DEPLOY / "affekt.toml"), settings.Serve()
    changed = {"folder", "http.proxies", "log.format"}
    for name in settings.Serve.__dataclass_fields__:
        mine, theirs = getattr(given, name), getattr(default, name)
        parts = getattr(theirs, "__dataclass_fields__", None)
        assert re.search(rf"^(# )?(\[{name}|{name} =)", text, re.MULTILINE), name
        if parts is None:
            assert mine == theirs or name in changed, name
            continue
        section = text.partition(f"[{name}]")[2].partition("\n[")[0]
        for key in parts:
            assert re.search(rf"^(# )?(\[{name}\.)?{key}\b", section, re.MULTILINE), f"{name}.{key}"
            assert getattr(mine, key) == getattr(theirs, key) or f"{name}.{key}" in changed, f"{name}.{key}"


# Container --------------------------------------------------------------------------------------------------------


def stages() -> list[list[str]]:
    """The instructions of each stage of the Dockerfile, a line each."""
    text = re.sub(r"\\\n\s*", " ", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"))
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    starts = [i for i, line in enumerate(lines) if line.startswith("FROM")]
    return [lines[start:end] for start, end in zip(starts, [*starts[1:], len(lines)], strict=True)]


def test_the_linter_of_dockerfiles_finds_nothing():
    done = run(program("hadolint"), DEPLOY / "Dockerfile")
    assert done.returncode == 0, done.stdout


def test_the_image_runs_as_nobody_has_a_check_and_no_installer():
    *_, last = stages()
    user = next(line.split()[1] for line in last if line.startswith("USER "))
    assert user.partition(":")[0].isdigit()
    assert int(user.partition(":")[0]) >= 1000
    assert any(line.startswith("HEALTHCHECK") and "/v1/health" in line for line in last)
    assert "pip --no-cache-dir uninstall" in " ".join(last)
    assert "install -c" not in " ".join(last)


def test_what_is_copied_into_the_image_is_there_and_not_ignored():
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert ignored[1] == "*"
    let_in = {line[1:] for line in ignored if line.startswith("!")}
    sources = {
        source.removeprefix("./")
        for stage in stages()
        for line in stage
        if line.startswith("COPY") and "--from=" not in line
        for source in [word for word in line.split()[1:] if not word.startswith("--")][:-1]
    }
    assert sources == let_in
    assert all((ROOT / source).exists() for source in sources)


def test_the_extras_of_the_image_exist():
    extras = re.search(r'"\.\[([a-z,]+)\]"', (DEPLOY / "Dockerfile").read_text(encoding="utf-8"))[1].split(",")
    assert set(extras) <= set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])


def test_the_entrypoint_reads_secrets_from_files(tmp_path):
    """The real shell: files become variables, what is set already stays, and the command replaces the shell."""
    for name in ("secret", "database_url", "admin_password"):
        (tmp_path / name).write_text(f"the {name}\n")
    clean = {"PATH": os.environ["PATH"], "SECRETS": str(tmp_path)}
    show = (sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))")
    told = json.loads(run("sh", DEPLOY / "entrypoint.sh", *show, env=clean).stdout)
    assert told["AFFEKT_SECRET_FILE"] == str(tmp_path / "secret")
    assert told["AFFEKT_DATABASE_URL"] == "the database_url"
    assert told["AFFEKT_ADMIN_PASSWORD"] == "the admin_password"
    own = clean | {"AFFEKT_SECRET": "mine", "AFFEKT_DATABASE_URL": "mine"}
    told = json.loads(run("sh", DEPLOY / "entrypoint.sh", *show, env=own).stdout)
    assert "AFFEKT_SECRET_FILE" not in told
    assert told["AFFEKT_DATABASE_URL"] == "mine"
    bare = run("sh", DEPLOY / "entrypoint.sh", *show, env=clean | {"SECRETS": str(tmp_path / "none")})
    assert not [name for name in json.loads(bare.stdout) if name.startswith("AFFEKT_")]
    assert run("sh", DEPLOY / "entrypoint.sh", "sh", "-c", "exit 7", env=clean).returncode == 7


def test_the_entrypoint_sets_no_variable_that_the_service_does_not_know():
    if find_spec("affekt.service.settings") is None:
        pytest.skip("this checkout has no affekt.service.settings")
    from affekt.service.settings import VARIABLES

    named = set(re.findall(r"AFFEKT_\w+", (DEPLOY / "entrypoint.sh").read_text(encoding="utf-8")))
    assert named <= set(VARIABLES)


def test_the_inference_engine_tells_nobody(tmp_path):
    """From 1.29 on onnxruntime writes an id of the machine into the home and reports to its maker; a variable ends it.

    The real engine, and a real model: nothing appears in an empty home.
    """
    for file in ("Dockerfile", "affekt.service"):
        assert "ORT_DISABLE_TELEMETRY=1" in (DEPLOY / file).read_text(encoding="utf-8"), file
    env = {name: value for name, value in os.environ.items() if name != "CI"}  # there it is silent by itself
    code = "import affekt, numpy; affekt.load().predict(numpy.zeros(16000, 'f4'), 16000)"
    done = run(sys.executable, "-c", code, env=env | {"HOME": str(tmp_path), "ORT_DISABLE_TELEMETRY": "1"})
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.rglob("*") if "onnxruntime" in str(path).removeprefix(str(tmp_path))] == []


# Compose ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["networks", "secrets", "volumes"])
def test_what_a_service_uses_is_declared_and_what_is_declared_is_used(kind):
    used = set()
    for service in SERVICES.values():
        names = list(service.get(kind, []))
        used |= {name.partition(":")[0] for name in names if not name.startswith(".")}
    assert used == set(COMPOSE[kind])


def test_every_mounted_file_is_there():
    mounts = [m for service in SERVICES.values() for m in service.get("volumes", []) if m.startswith(".")]
    for mount in mounts:
        source, _, mode = mount.split(":")
        assert (DEPLOY / source).exists(), mount
        assert mode == "ro", mount


def test_no_secret_stands_in_a_file_of_the_repository():
    for secret in COMPOSE["secrets"].values():
        assert secret["file"].startswith("./secrets/")
    assert "secrets/" in (DEPLOY / ".gitignore").read_text().splitlines()
    for service in SERVICES.values():
        for name in service.get("environment", {}):
            assert not re.search("PASSWORD|SECRET|KEY|TOKEN", name) or name.endswith("FILE"), name


def test_only_the_proxy_is_open_to_the_world():
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert ports.pop("proxy") == ["80:80", "443:443"]
    assert all(port.startswith("127.0.0.1:") for own in ports.values() for port in own)
    assert COMPOSE["networks"]["store"]["internal"] is True
    assert SERVICES["db"]["networks"] == ["store"]


def test_the_service_believes_the_proxy_and_nobody_else():
    settings = tomllib.loads((DEPLOY / "compose.toml").read_text(encoding="utf-8"))
    assert settings["http"]["proxies"] == [SERVICES["proxy"]["networks"]["front"]["ipv4_address"]]


def test_ports_are_the_same_everywhere():
    example = tomllib.loads((DEPLOY / "affekt.toml").read_text(encoding="utf-8"))
    ports = {str(example["http"]["port"]), str(example["ingest"]["port"])}
    assert set(SERVICES["affekt"]["expose"]) == ports
    assert ports <= set(next(line for line in stages()[-1] if line.startswith("EXPOSE")).split())
    caddy = (DEPLOY / "Caddyfile").read_text(encoding="utf-8")
    assert set(re.findall(r"\{\$\w+:affekt:(\d+)\}", caddy)) == ports
    scrape = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))["scrape_configs"]
    assert scrape[0]["static_configs"][0]["targets"] == [f"affekt:{example['http']['port']}"]


def test_nobody_kills_the_service_before_its_calls_have_drained():
    drain = tomllib.loads((DEPLOY / "affekt.toml").read_text(encoding="utf-8"))["drain_seconds"]
    grace = int(SERVICES["affekt"]["stop_grace_period"].removesuffix("s"))
    unit = int(re.search(r"^TimeoutStopSec=(\d+)$", (DEPLOY / "affekt.service").read_text(), re.MULTILINE)[1])
    assert min(grace, unit) >= 2 * drain


# systemd ----------------------------------------------------------------------------------------------------------


def test_the_unit_is_one_and_is_closed(tmp_path):
    """As systemd itself judges it; 1 is the best that a service with a network can come near."""
    tool = program("systemd-analyze")
    text = (DEPLOY / "affekt.service").read_text(encoding="utf-8")
    here = tmp_path / "affekt.service"
    here.write_text(re.sub(r"^ExecStart=\S+", f"ExecStart={sys.executable}", text, flags=re.MULTILINE))
    done = run(tool, "verify", "--man=no", here)
    assert "affekt.service" not in done.stderr, done.stderr
    if "--offline" not in run(tool, "--help").stdout:
        pytest.skip("this systemd cannot judge a unit that is not installed")
    done = run(tool, "security", "--offline=true", "--threshold=20", here)
    assert done.returncode == 0, done.stdout


def test_no_key_of_the_unit_is_given_twice_by_mistake():
    text = (DEPLOY / "affekt.service").read_text(encoding="utf-8").replace("SystemCallFilter=~", "Besides=~")
    configparser.ConfigParser(strict=True, interpolation=None).read_string(text)


# Prometheus and Grafana -------------------------------------------------------------------------------------------


def named(query: str) -> Iterator[tuple[str, str, str, str]]:
    """Each metric of ours in a query, with each of its matchers: (metric, label, operator, value)."""
    for metric, inside in re.findall(r"\b(affekt_\w+)(\{[^}]*\})?", query):
        matchers = re.findall(r'(\w+)(=~|!~|!=|=)"([^"]*)"', inside) or [("", "", "")]
        yield from ((metric, *matcher) for matcher in matchers)


def grouped(query: str) -> set[str]:
    return {label.strip() for inside in re.findall(r"\bby \(([^)]*)\)", query) for label in inside.split(",")}


@pytest.mark.parametrize("query", [rule["expr"] for rule in RULES] + QUERIES)
def test_every_metric_and_label_of_a_query_exists(query):
    families = []
    for metric, label, operator, value in named(query):
        assert metric in SAMPLES, metric
        family = SAMPLES[metric]
        families.append(family)
        labels = dict(family.labels) | ({"process": None} if family.process == "each" else {})
        assert not label or label in labels, f"{metric}: {label}"
        if operator in {"=", "!="} and labels[label] is not None:
            assert value in labels[label], f"{metric}: {label}={value}"
    known = {label for family in families for label in family.labels} | {"le", "process"}
    assert grouped(query) <= known


def test_what_is_counted_is_shown():
    """A metric that no panel and no rule has is one that nobody will look at."""
    shown = {SAMPLES[metric].name for query in QUERIES for metric, *_ in named(query)}
    shown |= {SAMPLES[metric].name for rule in RULES for metric, *_ in named(rule["expr"])}
    assert {family.name for family in FAMILIES} - shown == {"affekt_process_virtual_memory_bytes"}


def test_prometheus_reads_its_files_and_the_rules_do_what_they_should(tmp_path):
    tool = program("promtool")
    copy = tmp_path / "prometheus"
    shutil.copytree(DEPLOY / "prometheus", copy)
    (tmp_path / "metrics_key").write_text("afk_x")
    here = copy / "prometheus.yml"
    here.write_text(here.read_text().replace("/run/secrets/metrics_key", str(tmp_path / "metrics_key")))
    for words in (("check", "config", here), ("test", "rules", copy / "alerts.test.yml")):
        done = run(tool, *words)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_is_fired_by_a_test():
    text = (DEPLOY / "prometheus" / "alerts.test.yml").read_text(encoding="utf-8")
    assert [rule["alert"] for rule in RULES if f'alertname="{rule["alert"]}"' not in text] == []


def test_prometheus_understands_every_query_of_the_dashboard(tmp_path):
    tool = program("promtool")
    rules = [
        {"record": f"panel:{i}", "expr": query.replace("$__rate_interval", "1m")} for i, query in enumerate(QUERIES)
    ]
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "board", "rules": rules}]}))
    done = run(tool, "check", "rules", "--lint=none", path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dashboard_is_consistent():
    source = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/affekt.yaml").read_text())["datasources"][0]
    assert source["url"] == "http://prometheus:9090"
    assert "prometheus" in SERVICES
    provider = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/affekt.yaml").read_text())["providers"][0]
    mounted = [m.split(":")[1] for m in SERVICES["grafana"]["volumes"] if m.startswith("./grafana/affekt.json")]
    assert [str(Path(path).parent) for path in mounted] == [provider["options"]["path"]]
    ids = [panel["id"] for panel in BOARD["panels"]]
    assert len(ids) == len(set(ids))
    for panel in PANELS:
        assert panel["title"]
        assert panel["description"], panel["title"]
        assert panel["datasource"]["uid"] == source["uid"]
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {source["uid"]}
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
        assert panel["fieldConfig"]["defaults"]["unit"]


def test_no_two_panels_of_the_dashboard_overlap():
    places = [panel["gridPos"] for panel in BOARD["panels"]]
    for a, b in combinations(places, 2):
        apart = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        above = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert apart or above
    assert all(place["x"] + place["w"] <= 24 for place in places)


# The proxy --------------------------------------------------------------------------------------------------------


class Control(http.server.BaseHTTPRequestHandler):
    """Answers with who was asked and for whom; /v1/events goes on for ever."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        if self.path == "/v1/events":
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            self.wfile.write(b"event: snapshot\n\n")
            self.server.held.wait(10)
            return
        body = json.dumps({"path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()}}).encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def carriers(listener: socket.socket) -> None:
    """Accept one upgrade, then give back whatever comes."""
    connection, _ = listener.accept()
    with connection:
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(4096)
        asked = head.split(b"\r\n")[0].split()[1]
        answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX-Asked: %s\r\n\r\n"
        connection.sendall(answer % asked)
        while data := connection.recv(4096):
            connection.sendall(data)


def free() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture
def proxy(tmp_path) -> Iterator[int]:
    """Caddy with our file, in front of a control and a gateway of this test; gives its port."""
    tool = program("caddy")
    control = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Control)
    control.held = threading.Event()
    threading.Thread(target=control.serve_forever, daemon=True).start()
    ingest = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=carriers, args=(ingest,), daemon=True).start()
    port = free()
    text = (DEPLOY / "Caddyfile").read_text(encoding="utf-8").replace("\n{\n", "\n{\n\tadmin off\n", 1)
    assert "admin off" in text
    (tmp_path / "Caddyfile").write_text(text)
    places = {
        "DOMAIN": f"http://127.0.0.1:{port}",
        "CONTROL": f"127.0.0.1:{control.server_port}",
        "INGEST": f"127.0.0.1:{ingest.getsockname()[1]}",
        "XDG_DATA_HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
        "HOME": str(tmp_path),
        "PATH": os.environ["PATH"],
    }
    words = [tool, "run", "--config", str(tmp_path / "Caddyfile"), "--adapter", "caddyfile"]
    with subprocess.Popen(words, env=places, stderr=subprocess.DEVNULL) as caddy:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield port
        control.held.set()
        caddy.kill()
    control.shutdown()
    control.server_close()
    ingest.close()


def test_the_proxy_passes_what_it_should_and_nothing_else(proxy):
    """The real Caddy: REST, an event stream at once, a WebSocket both ways, and no metrics."""
    base = f"http://127.0.0.1:{proxy}"
    told = json.load(urllib.request.urlopen(f"{base}/v1/calls?limit=5", timeout=5))
    assert told["path"] == "/v1/calls?limit=5"
    assert told["headers"]["x-forwarded-for"] == "127.0.0.1"
    for path in ("/metrics", "/metrics/", "/metrics?x=1", "//metrics", "/v1/../metrics", "/%6Detrics", "/METRICS"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(base + path, timeout=5)
    with urllib.request.urlopen(f"{base}/v1/events", timeout=3) as events:
        assert events.readline() == b"event: snapshot\n"
    with socket.create_connection(("127.0.0.1", proxy), timeout=5) as carrier:
        head = "GET /v1/ingest/twilio?token=x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        carrier.sendall(head.replace("Host: a", f"Host: 127.0.0.1:{proxy}").encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += carrier.recv(4096)
        assert answer.startswith(b"HTTP/1.1 101")
        assert b"/v1/ingest/twilio?token=x" in answer
        carrier.sendall(b"\x81\x05hello")
        assert carrier.recv(64) == b"\x81\x05hello"
