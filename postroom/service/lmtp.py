"""The LMTP process: intake behind the LMTP server."""

import asyncio
import signal

from postroom.actions.bus import Ringer
from postroom.classification import Classification
from postroom.classify.llm import CALIBRATION, Llm, read_calibration
from postroom.classify.memory import Memory
from postroom.classify.second_look import SecondLook
from postroom.clock import SystemClock
from postroom.config import Config
from postroom.doorbell import bell_path, ring
from postroom.examiner import Examiner
from postroom.lmtp.intake import Intake
from postroom.lmtp.server import LmtpServer
from postroom.matching import Matcher, learnt_from
from postroom.message import Message
from postroom.order import Order
from postroom.store.engine import Database
from postroom.succession import SUCCEEDED

from . import asked, reloads
from .state import stamp_key
from .tracing import Tracing, of_envelope


async def run_lmtp(config: Config) -> None:
    """Serves until SIGTERM; raises what LmtpServer.start raises."""
    examiner = Examiner(config, SystemClock(), part="lmtp")
    database = Database(config.store_url)

    matcher = Matcher(config.catalogue, learnt_from(database))

    async def extract(message: Message, _classification: Classification) -> Order:
        order = await examiner.extract(message)
        return await matcher(order, message.author.text if message.author else "")

    llm = Llm(config.llm) if config.llm.enabled else None
    second_look = SecondLook(
        examiner.classifier,
        Memory(database),
        config.classification.threshold,
        llm,
        read_calibration(config.models_dir / CALIBRATION),
    )
    ringer = Ringer(config, lambda: ring(bell_path(config)))
    tracing = Tracing(config, "lmtp")
    intake = Intake(
        config=config,
        database=database,
        clock=SystemClock(),
        keys=(stamp_key(config),),
        examine=tracing.around("examine", examiner.__call__, of_envelope),
        classify=examiner.classify,
        read=tracing.around("read", examiner.read),
        extract=tracing.around("extract", extract),
        consider=second_look,
        ring=ringer,
    )
    server = LmtpServer(config, tracing.around("take", intake.take, of_envelope))
    examiner.pool.start()
    signals = asked(SUCCEEDED)
    await server.start()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, reloads("lmtp", examiner.classifier))
    ringing = asyncio.create_task(ringer.run())
    server.tell_ready()
    if await signals.get() is SUCCEEDED:
        leaving = {asyncio.create_task(server.hand_over()), asyncio.create_task(signals.get())}
        await asyncio.wait(leaving, return_when=asyncio.FIRST_COMPLETED)
        for task in leaving:
            task.cancel()
    await server.stop()
    ringing.cancel()
    if llm is not None:
        await llm.close()
    examiner.pool.stop()
    tracing.stop()
    database.close()
