"""The milter process: the examiner and the signer behind libmilter."""

from typing import TYPE_CHECKING

from postroom.clock import SystemClock
from postroom.config import Config
from postroom.envelope import Envelope
from postroom.examiner import Examiner
from postroom.milter.keyring import Keyring
from postroom.milter.results_header import authentication_results
from postroom.milter.server import MilterServer
from postroom.milter.sign import Signer
from postroom.verdict import Verdict

from . import reloads
from .state import stamp_key
from .tracing import Tracing, of_envelope

if TYPE_CHECKING:
    from postroom.dmarc.recorder import Recorder


def run_milter(config: Config) -> None:
    """Serves until SIGTERM; raises what MilterServer.serve raises."""
    recorder = _recorder(config) if config.dmarc_reports.enabled else None
    examiner = Examiner(config, SystemClock(), recorder.note if recorder else None, "milter")

    def results(verdict: Verdict, envelope: Envelope) -> str:
        return authentication_results(verdict, envelope, config.service.hostname)

    examiner.pool.start()  # before the socket opens, so that the first message finds them warm
    tracing = Tracing(config, "milter")
    MilterServer(
        config=config,
        examine=tracing.around("examine", examiner.__call__, of_envelope),
        key=stamp_key(config),
        clock=SystemClock(),
        authentication_results=results,
        sign=Signer(config, Keyring(config.dkim_keys_dir), SystemClock()),
        reload=reloads("milter", examiner.classifier),
    ).serve()
    examiner.pool.stop()
    tracing.stop()
    if recorder:
        recorder.stop()


def _recorder(config: Config) -> "Recorder":
    """What writes down the rows of aggregate reports, at work."""
    from postroom.dmarc.recorder import Recorder
    from postroom.store.engine import Database

    recorder = Recorder(config, Database(config.store_url), SystemClock())
    recorder.start()
    return recorder
