"""A migrated database in a folder of its own, with the configuration that leads to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from postroom.config import Config, RetentionSection, Service
from postroom.store.engine import Database
from tests.fakes.store import a_database


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(
        service=Service(
            mailboxes=("info@firma.test",), state_dir=tmp_path, run_dir=tmp_path / "run"
        ),
        retention=RetentionSection(mail=30, audit=90, reports=30),
    )


@pytest.fixture
def database(config: Config) -> Iterator[Database]:
    opened = a_database(config.service.state_dir)
    yield opened
    opened.close()
