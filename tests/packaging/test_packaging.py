"""Containers and Kubernetes: valid by their schemas, and true to the code they speak of.

No engine runs here: what the images do is tested by test_images.py, where it is asked for.
"""

import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterable
from ipaddress import IPv4Network, ip_address, ip_network
from pathlib import Path
from typing import Any

import compose_spec
import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from postroom import metrics
from postroom.child import patience_s
from postroom.config import Config, load
from postroom.supervisor import PARTS

ROOT = Path(__file__).resolve().parents[2]
PACKAGING = ROOT / "packaging"
COMPOSE = yaml.safe_load((PACKAGING / "compose.yaml").read_text(encoding="utf-8"))
_KUBERNETES = "1.30"
# KEDA's own kind: its schema is not at hand.
_UNKNOWN_KINDS = {"ScaledObject"}


def _documents() -> list[dict[str, Any]]:
    return [
        document
        for path in sorted((PACKAGING / "kubernetes").glob("*.yaml"))
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))
    ]


def _document(kind: str, name: str) -> dict[str, Any]:
    return next(d for d in _documents() if d["kind"] == kind and d["metadata"]["name"] == name)


def _pods() -> dict[str, dict[str, Any]]:
    return {
        f"{document['kind']} {document['metadata']['name']}": document["spec"]["template"]["spec"]
        for document in _documents()
        if document["kind"] in ("Deployment", "Job")
    }


@pytest.mark.parametrize(
    "document", _documents(), ids=lambda one: f"{one['kind']}-{one['metadata']['name']}"
)
def test_every_object_is_one_that_kubernetes_knows(document: dict[str, Any]) -> None:
    if document["kind"] in _UNKNOWN_KINDS:
        pytest.skip("no schema at hand")
    kubernetes_validate.validate(document, _KUBERNETES, strict=True)


def test_the_queue_that_workers_grow_with_is_exported() -> None:
    scaled = _document("ScaledObject", "postroom-worker")
    assert scaled["spec"]["scaleTargetRef"]["name"] == "postroom-worker"
    _document("Deployment", "postroom-worker")
    query = scaled["spec"]["triggers"][0]["metadata"]["query"]
    (family,) = metrics.QUEUE_AGE.describe()
    assert family.name in query


def test_no_pod_may_do_more_than_it_needs() -> None:
    for name, pod in _pods().items():
        assert pod["securityContext"]["runAsNonRoot"], name
        (container,) = pod["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"], name
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}, name
        assert container["resources"]["limits"]["memory"], name


def test_containers_have_as_long_to_stop_as_their_parts(tmp_path: Path) -> None:
    path = tmp_path / "postroom.toml"
    path.write_text(_document("ConfigMap", "postroom")["data"]["postroom.toml"], encoding="utf-8")
    pods = _pods()
    grace = pods["Deployment postroom"]["terminationGracePeriodSeconds"]
    assert grace > _stops_within(load(path), PARTS)
    grace = pods["Deployment postroom-worker"]["terminationGracePeriodSeconds"]
    assert grace > _stops_within(load(path), ["worker"])
    composed = int(COMPOSE["services"]["postroom"]["stop_grace_period"].removesuffix("s"))
    assert composed > _stops_within(load(PACKAGING / "docker" / "postroom.toml"), PARTS)


def _stops_within(config: Config, parts: Iterable[str]) -> float:
    return sum(patience_s(config, part) for part in parts)


def test_the_configuration_of_the_pods_is_one_that_postroom_takes(tmp_path: Path) -> None:
    told = _document("ConfigMap", "postroom")["data"]["postroom.toml"]
    path = tmp_path / "postroom.toml"
    path.write_text(told, encoding="utf-8")
    config = load(path)
    secrets = _document("Secret", "postroom")["stringData"]
    for file in (config.service.secret_file, config.audit.key_file, config.erp.token_file):
        assert file is not None and file.name in secrets
    ports = {port["port"] for port in _document("Service", "postroom")["spec"]["ports"]}
    assert ports == {
        int(one.rpartition(":")[2]) for one in (config.milter.socket, config.lmtp.socket)
    }


def test_the_pods_sign_with_keys_that_stay_and_know_their_own_replies(tmp_path: Path) -> None:
    path = tmp_path / "postroom.toml"
    path.write_text(_document("ConfigMap", "postroom")["data"]["postroom.toml"], encoding="utf-8")
    config = load(path)
    assert set(config.milter.trusted_networks) > set(Config().milter.trusted_networks)
    pod = _pods()["Deployment postroom"]
    secret = {volume["name"] for volume in pod["volumes"] if "secret" in volume}
    mounted = {Path(one["mountPath"]): one["name"] for one in pod["containers"][0]["volumeMounts"]}
    for domain in {address.partition("@")[2] for address in config.service.mailboxes}:
        assert mounted[config.dkim_keys_dir / domain] in secret


def test_every_pod_gets_the_databases_password_in_a_way_that_libpq_takes() -> None:
    secrets = _document("Secret", "postroom")["stringData"]
    for name, pod in _pods().items():
        told = {one["name"]: one for one in pod["containers"][0]["env"]}
        # libpq ignores a file that a group may read, and a Secret's files are root's.
        assert "PGPASSFILE" not in told, name
        reference = told["PGPASSWORD"]["valueFrom"]["secretKeyRef"]
        assert reference["name"] == "postroom" and reference["key"] in secrets, name


def test_compose_is_valid_and_everything_it_names_is_there() -> None:
    compose_spec.PyCompose.from_yaml((PACKAGING / "compose.yaml").read_text()).validate()
    for name, service in COMPOSE["services"].items():
        build = service.get("build")
        if build:
            assert (PACKAGING / build["context"] / build["dockerfile"]).exists(), name
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            if source.startswith("."):
                assert (PACKAGING / source).exists(), volume
            else:
                assert source in COMPOSE["volumes"], volume


def test_the_configuration_of_the_containers_is_one_that_postroom_takes() -> None:
    config = load(PACKAGING / "docker" / "postroom.toml")
    start = (PACKAGING / "docker" / "postfix" / "start").read_text()
    for endpoint in (config.milter.socket, config.lmtp.socket):
        assert f"inet:postroom:{endpoint.rpartition(':')[2]}" in start
    mailboxes = COMPOSE["services"]["postfix"]["environment"]["MAILBOXES"].split()
    assert tuple(mailboxes) == config.service.mailboxes
    trusted = {ip_network(one) for one in config.milter.trusted_networks}
    (ours,) = trusted - {ip_network(one) for one in Config().milter.trusted_networks}
    ways = [COMPOSE["services"][name]["networks"]["mail"] for name in ("postroom", "timers")]
    # These two and nobody else: not the gateway, not who was given an address by the engine.
    assert set(ours) == {ip_address(way["ipv4_address"]) for way in ways}
    assert COMPOSE["services"]["postfix"]["environment"]["TRUSTED_NETWORKS"] == str(ours)
    (pool,) = COMPOSE["networks"]["mail"]["ipam"]["config"]
    given = IPv4Network(pool["ip_range"])
    assert not given.overlaps(IPv4Network(ours))
    assert given.subnet_of(IPv4Network(pool["subnet"]))


def test_the_canary_of_the_containers_flies_as_often_as_the_alert_is_told() -> None:
    config = load(PACKAGING / "docker" / "postroom.toml")
    assert config.canary.mailbox in config.service.mailboxes
    (told,) = COMPOSE["services"]["timers"]["command"]
    assert [float(one) for one in re.findall(r"sleep (\d+)", told)] == [config.canary.interval]


def test_no_secret_and_nothing_made_here_gets_into_an_image() -> None:
    kept_out = (PACKAGING / "docker" / "Dockerfile.dockerignore").read_text().split()
    secrets = {(PACKAGING / one["file"]).resolve() for one in COMPOSE["secrets"].values()}
    assert all(str(one.parent.relative_to(ROOT)) in kept_out for one in secrets)
    assert {".git", ".venv", "build", "dist"} <= set(kept_out)


@pytest.mark.skipif(
    not Path("/etc/postfix/master.cf.proto").exists(), reason="Postfix is not installed"
)
def test_no_service_of_the_containers_postfix_is_in_a_chroot(tmp_path: Path) -> None:
    shutil.copy("/etc/postfix/master.cf.proto", tmp_path / "master.cf")
    (tmp_path / "main.cf").write_text("compatibility_level = 3.6\n")
    start = (PACKAGING / "docker" / "postfix" / "start").read_text()
    (asked,) = re.findall(r"(?m)^postconf -F '(.*)'$", start)
    for arguments in ((asked,), ("*/*/chroot",)):
        shown = subprocess.run(
            ["/usr/sbin/postconf", "-c", str(tmp_path), "-F", *arguments],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    assert shown and set(re.findall(r"chroot = (\S+)", shown)) == {"n"}


def test_the_images_copy_what_is_there_and_ask_python_for_what_it_is() -> None:
    for path in PACKAGING.rglob("Dockerfile"):
        text = path.read_text(encoding="utf-8").replace("\\\n", " ")
        for line in re.findall(r"(?m)^COPY (?!--from)(.*)$", text):
            *sources, _target = line.split()
            for source in sources:
                assert (ROOT / source).exists(), f"{path}: {source}"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "postgresql" in project["optional-dependencies"]
