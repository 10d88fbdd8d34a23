"""The milter process: the examiner and the signer behind libmilter."""

from postroom.clock import SystemClock
from postroom.config import Config
from postroom.dmarc.recorder import Recorder
from postroom.envelope import Envelope
from postroom.examiner import Examiner
from postroom.milter.keyring import Keyring
from postroom.milter.results_header import authentication_results
from postroom.milter.server import MilterServer
from postroom.milter.sign import Signer
from postroom.store.engine import Database
from postroom.verdict import Verdict

from .state import stamp_key


def run_milter(config: Config) -> None:
    """Serves until SIGTERM; raises what MilterServer.serve raises."""
    recorder = Recorder(config, Database(config.store_url), SystemClock())
    reporting = config.dmarc_reports.enabled
    examiner = Examiner(config, SystemClock(), recorder.note if reporting else None)
    if reporting:
        recorder.start()

    def results(verdict: Verdict, envelope: Envelope) -> str:
        return authentication_results(verdict, envelope, config.service.hostname)

    MilterServer(
        config=config,
        examine=examiner,
        key=stamp_key(config),
        clock=SystemClock(),
        authentication_results=results,
        sign=Signer(config, Keyring(config.dkim_keys_dir), SystemClock()),
    ).serve()
    examiner.pool.stop()
    if reporting:
        recorder.stop()
