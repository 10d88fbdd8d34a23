"""An LMTP server in a process of its own, to be killed: python -m tests.fakes.lmtp_process FOLDER.

It prints "listening" when it accepts, and "committed" after each commit. With --mute it then
never answers, so that a kill falls between commit and reply.
"""

import asyncio
import sys
from pathlib import Path

from postroom.clock import SystemClock
from postroom.envelope import Envelope
from postroom.failure import Reply
from postroom.lmtp.server import LmtpServer
from postroom.store.engine import Database
from tests.fakes.stages import Stages, an_intake, intake_config


async def main(folder: Path, *, mute: bool) -> None:
    """Serves until killed."""
    config = intake_config(folder)
    database = Database(f"sqlite:///{folder}/postroom.sqlite")
    intake = an_intake(config, database, Stages(), SystemClock())

    async def take(envelope: Envelope, raw: bytes) -> tuple[Reply, ...]:
        replies = await intake.take(envelope, raw)
        print("committed", flush=True)
        if mute:
            await asyncio.Event().wait()
        return replies

    await LmtpServer(config, take).start()
    print("listening", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), mute="--mute" in sys.argv))
