#!/usr/bin/python3
"""Runs the cases against a server with an open listener.

    test/conformance/run.py --host 127.0.0.1 --port 1883 [--ws-port N] [--auth-port N] [--no-room BYTES]
                            [--named REGEX] [--report FILE]

--auth-port is of a listener with the authentication method SEALPOST-1. The server must refuse what is published below
sp/. --no-room: a retained message of so many bytes is one that the server cannot keep. The last line is 'N passed, N failed, N skipped'. The report is a JSON list of {version, id, file, case, good, detail}.
"""
import argparse
import concurrent.futures
import json
import os
import re
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../support")]
import harness  # noqa: E402
from cases import utf8, connect, session, will, keep_alive, publish, retained, properties, expiry  # noqa: E402,F401
from cases import aliases, subscribe, topics, shared, exchanges, flow, sizes, authentication, transports  # noqa: E402,F401

AT_ONCE = 32  # cases; most of them only wait for answers


class Outcome:
    """What one case came to: `good` is None for a skip."""

    def __init__(self, case, good, detail, seconds, reported):
        self.case, self.good, self.detail, self.seconds, self.reported = case, good, detail, seconds, reported

    def rows(self):
        for id, good, detail in self.reported:
            yield {"version": harness.VERSIONS[self.case.version], "id": id, "file": self.case.file,
                   "case": self.case.name, "good": good, "detail": detail}

    def __str__(self):
        if self.good is None:
            return f"SKIP {self.case}: {self.detail}"
        return f"{'ok  ' if self.good else 'FAIL'} {self.case} ({self.seconds:.1f} s)"


def run_one(case, broker):
    trial, begun = harness.Trial(case, broker), time.monotonic()
    good = trial.run()
    return Outcome(case, good, trial.detail, time.monotonic() - begun, trial.reported)


def run(broker, named="", say=lambda outcome: None):
    """Runs all cases that match `named`; gives their outcomes in the order of the cases."""
    chosen = [case for case in harness.CASES if re.search(named, str(case))]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        begun = {case: pool.submit(run_one, case, broker) for case in sorted(chosen, key=lambda case: not case.slow)}
        for done in concurrent.futures.as_completed(begun.values()):
            say(done.result())
        return [begun[case].result() for case in chosen]


def write_report(outcomes, path):
    with open(path, "w", encoding="utf-8") as file:
        json.dump([row for outcome in outcomes for row in outcome.rows()], file, indent=0)


def say(outcome):
    print(outcome, flush=True)
    if outcome.good is False:
        print(outcome.detail, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ws-port", type=int)
    parser.add_argument("--auth-port", type=int)
    parser.add_argument("--no-room", type=int)
    parser.add_argument("--named", default="")
    parser.add_argument("--report")
    options = parser.parse_args()
    ports = {"tcp": options.port, "ws": options.ws_port, "auth": options.auth_port}
    broker = harness.Broker(options.host, {kind: port for kind, port in ports.items() if port},
                            options.no_room)
    outcomes = run(broker, options.named, say)
    if options.report:
        write_report(outcomes, options.report)
    verdicts = [outcome.good for outcome in outcomes]
    print(f"{verdicts.count(True)} passed, {verdicts.count(False)} failed, {verdicts.count(None)} skipped")
    return 1 if False in verdicts or not verdicts else 0


if __name__ == "__main__":
    sys.exit(main())
