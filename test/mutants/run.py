#!/usr/bin/python3
"""run.py [--short] [--only NAME]... [--jobs N] [--build BUILD] [--record]: shows that the tests find each planted fault.

Each mutant is switched on, and the test that killers.tsv names for it must fail; if it does not, the tests of its room,
of the rooms that use it, and then the system tests are tried until one does. A test that fails without a mutant too
finds nothing. Prints a table of mutant, killer and time; the last line is `N passed, N failed, N skipped`, where
a mutant that lives has failed. --record writes killers.tsv.
"""
import argparse
import collections
import concurrent.futures
import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

import plant

ROOT = plant.ROOT
TABLE = os.path.join(plant.HERE, "killers.tsv")
PATIENCE = float(os.environ.get("SEALPOST_PATIENCE", "1"))
ONE_TEST_SECONDS, SEARCH_SECONDS, BASELINE_SECONDS = 60 * PATIENCE, 150 * PATIENCE, 400 * PATIENCE

# Where to look for the killer of a mutant of a folder: rooms of unit tests, then files of test/system.
WHERE = {
    "lib/base": (["base", "object", "auth", "log"], ["decision_table"]),
    "lib/object": (["object", "auth"], ["hostile", "decision_table"]),
    "lib/vault": (["vault"], ["restart"]),
    "lib/mqtt": (["mqtt", "broker", "pipeline"], ["app", "mqtt_bounds", "hostile_mqtt"]),
    "lib/lane": (["lane", "pipeline"], ["decision_table", "light"]),
    "lib/auth": (["auth", "pipeline"], ["hostile", "mqtt311_ticket"]),
    "lib/log": (["log", "pipeline"], ["fault", "restore"]),
    "lib/net": (["net"], ["transports", "packets", "hostile_mqtt", "mqtt_bounds", "rest_bot"]),
    "lib/broker": (["broker"], ["app", "mqtt_bounds"]),
    "lib/pipeline": (["pipeline", "bot"], ["packets", "mqtt311_ticket", "reauth", "hostile", "light", "app",
                                           "decision_table", "rest_bot", "relay"]),
    "lib/bot": (["bot", "pipeline"], ["rest_bot", "bot_pressure"]),
    "lib/api": ([], ["rest_bot", "mqtt311_ticket", "contract"]),
    "lib/client": (["client"], ["restore"]),
    "server/app": (["app"], ["mqtt_bots", "app", "fault", "transports"]),
    "server/cli": ([], ["restore", "rest_bot"]),
}

Killer = collections.namedtuple("Killer", "where test")  # where: test/<room> or test/system/<file>; no test: all there
Verdict = collections.namedtuple("Verdict", "mutant killer seconds notes")  # killer: None if it lives
Outcome = collections.namedtuple("Outcome", "failed broken seconds")  # failed: name of a test; broken: no test ran


class Programs:
    """The programs that run, so that none of them outlives this one."""

    def __init__(self):
        self.running = set()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.end_all)

    @contextlib.contextmanager
    def started(self, command, environment, **options):
        with subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, stderr=subprocess.DEVNULL,
                              **options) as process:
            self.running.add(process)
            try:
                yield process
            finally:
                self.running.discard(process)

    def end_all(self, number, _):
        for process in list(self.running):
            process.send_signal(signal.SIGINT)  # Python's tests end their servers then
        os._exit(128 + number)


PROGRAMS = Programs()


class Unit:
    """The rooms' unit tests: Catch2's program of the mutants."""

    def __init__(self, program):
        self.program = program

    def arguments(self, killer):
        if killer.test:
            escaped = re.sub(r'([\\,"\[\]])', r"\\\1", killer.test)
            return [f'"{escaped}"']
        folder = os.path.join(ROOT, killer.where)
        files = sorted(name[:-4] for name in os.listdir(folder) if name.endswith("_test.cpp"))
        return ["-#", ",".join(f"[#{name}]" for name in files)]

    def run(self, killer, mutant, seconds):
        with tempfile.NamedTemporaryFile("r", suffix=".xml", encoding="utf-8", errors="replace") as report:
            command = [self.program, "--abort", "-r", "xml", "-o", report.name, *self.arguments(killer)]
            begun = time.monotonic()
            # The same properties are tried each time.
            status = run_for(command, seconds, {"SEALPOST_MUTANT": mutant, "RC_PARAMS": "seed=1"})
            return outcome_of_report(report.read(), status, time.monotonic() - begun)


def outcome_of_report(report, status, seconds):
    running, failed, ran = None, None, 0
    for found in re.finditer(r'<TestCase name="([^"]*)"|<OverallResult success="(true|false)"', report):
        if found[1] is not None:
            running, ran = found[1], ran + 1
        else:
            failed = failed or (running if found[2] == "false" else None)
            running = None
    if status != 0 and ran > 0:
        failed = failed or running  # it ended in the middle of that one
    return Outcome(unescaped(failed) if status != 0 else None, ran == 0 or (status != 0 and not failed), seconds)


def unescaped(text):
    for mark, character in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&amp;", "&")):
        text = text.replace(mark, character) if text else text
    return text


def run_for(command, seconds, more):
    """Gives the exit status. One that takes too long is aborted, so that it tells what it is at."""
    with PROGRAMS.started(command, more, stdout=subprocess.DEVNULL) as process:
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)
            try:
                return process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                return process.wait()


class System:
    """The system tests on the mutants' program in the place of the server."""

    def __init__(self, folder):
        self.folder = folder

    def run(self, killer, mutant, seconds):
        command = ["/usr/bin/python3", killer.where] + ([killer.test] if killer.test else [])
        environment = {"SEALPOST_MUTANT": mutant, "SEALPOST_BIN": self.folder, "PYTHONUNBUFFERED": "1"}
        begun, failed, ran = time.monotonic(), None, 0
        with PROGRAMS.started(command, environment, stdout=subprocess.PIPE, text=True, errors="replace") as process:
            late = threading.Timer(seconds, process.send_signal, [signal.SIGINT])
            late.start()
            for line in process.stdout:
                found = re.match(r"(ok  |FAIL) (.*?)( \([\d.]+ s\))?$", line.rstrip("\n"))
                ran += found is not None and not found[2].startswith("setUpClass")
                if found and found[1] == "FAIL" and not found[2].startswith("setUpClass"):
                    failed = failed or re.sub(r" [\[(<].*", "", found[2])  # without what a subtest adds
            status = process.wait()
            late.cancel()
        return Outcome(failed, ran == 0 or (status != 0 and not failed), time.monotonic() - begun)


class Run:
    def __init__(self, program):
        self.unit = Unit(program)
        self.system = System(os.path.join(os.path.dirname(program), "bin"))
        self.sound = {}

    def run(self, killer, mutant="", seconds=ONE_TEST_SECONDS):
        kind = self.system if killer.where.startswith("test/system/") else self.unit
        return kind.run(killer, mutant, seconds)

    def is_sound(self, killer):
        """Whether it passes without a mutant: what fails anyway finds nothing."""
        if killer not in self.sound:
            outcome = self.run(killer)
            self.sound[killer] = not outcome.failed and not outcome.broken
        return self.sound[killer]

    def judge(self, mutant, listed):
        notes = []
        for asked in [*([listed] if listed else []), *candidates(mutant)]:
            outcome = self.run(asked, mutant["name"], ONE_TEST_SECONDS if asked.test else SEARCH_SECONDS)
            killer = Killer(asked.where, outcome.failed)
            if outcome.failed and self.is_sound(killer):
                return Verdict(mutant, killer, outcome.seconds, notes)
            if outcome.failed:
                notes.append(f"{killer.where}: {killer.test} fails without a mutant")
            elif outcome.broken:
                notes.append(f"{asked.where} could not be run")
            elif asked.test:
                notes.append(f"{asked.where}: {asked.test} no longer finds it")
        return Verdict(mutant, None, 0, notes)


def candidates(mutant):
    rooms, system = WHERE["/".join(mutant["file"].split("/")[:2])]
    for room in rooms:
        yield Killer(f"test/{room}", "")
    for name in system:
        yield Killer(f"test/system/{name}_test.py", "")


def listed_killers():
    if not os.path.exists(TABLE):
        return {}
    with open(TABLE, encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file if not line.startswith("#")]
    return {name: Killer(where, test) for name, where, test, _ in rows}


def record(verdicts):
    rows = {name: [*killer, "?"] for name, killer in listed_killers().items()}
    for mutant, killer, seconds, _ in verdicts:
        rows.pop(mutant["name"], None)
        if killer:
            rows[mutant["name"]] = [*killer, f"{seconds:.1f}"]
    order = [mutant["name"] for mutant in plant.mutants()]
    with open(TABLE, "w", encoding="utf-8") as file:
        file.write("# mutant, where the test is that kills it, the test, seconds; written by run.py --record\n")
        file.writelines("\t".join([name, *rows[name]]) + "\n" for name in order if name in rows)


def named_in_tests(mutants):
    """(name, file) where a test or shipping code names a mutant: it would be made to its measure."""
    names = re.compile("|".join([r"SEALPOST_MUTANT", *(re.escape(f'"{mutant["name"]}"') for mutant in mutants)]))
    for top in ("lib", "server", "test"):
        for folder, _, files in os.walk(os.path.join(ROOT, top)):
            for name in files if folder != plant.HERE else ():
                if name.endswith((".cpp", ".hpp", ".py")):
                    with open(os.path.join(folder, name), encoding="utf-8") as file:
                        if found := names.search(file.read()):
                            yield found[0], os.path.relpath(os.path.join(folder, name), ROOT)


def chosen(options):
    mutants = plant.mutants()
    unknown = set(options.only) - {mutant["name"] for mutant in mutants}
    if unknown:
        sys.exit(f"run.py: there is no mutant {', '.join(sorted(unknown))}")
    if options.only:
        return [mutant for mutant in mutants if mutant["name"] in options.only]
    return [mutant for mutant in mutants if mutant.get("short") or not options.short]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--short", action="store_true", help="only the eight that ./check runs")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="only this mutant")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="so many mutants at once (default: the cores)")
    parser.add_argument("--build", default="build/release", help="the folder that was built in")
    parser.add_argument("--record", action="store_true", help="write killers.tsv")
    return parser.parse_args()


def main():
    options = arguments()
    program = os.path.join(os.path.abspath(options.build), "test/mutants/sealpost_mutants")
    if not os.access(program, os.X_OK):
        sys.exit(f"run.py: {program} is not there; build the target sealpost_mutants")
    mutants, listed, run = chosen(options), listed_killers(), Run(program)
    if named := list(named_in_tests(plant.mutants())):
        sys.exit("run.py: a test must not know of a mutant: " + ", ".join(f"{path} names {what}" for what, path in named))
    verdicts = []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for verdict in pool.map(lambda mutant: run.judge(mutant, listed.get(mutant["name"])), mutants):
            verdicts.append(verdict)
            tell(verdict)
    if options.record:
        record(verdicts)
    living = [verdict.mutant for verdict in verdicts if not verdict.killer]
    for mutant in living:
        print(f"FAIL {mutant['name']} ({mutant['file']}): {mutant['breaks']}")
    print(f"{len(verdicts) - len(living)} passed, {len(living)} failed, 0 skipped")
    return 1 if living else 0


def tell(verdict):
    killer = f"{verdict.killer.where}: {verdict.killer.test}" if verdict.killer else "LIVES: no test finds it"
    print(f"{verdict.mutant['name']:46} {verdict.seconds:5.1f} s  {killer}", flush=True)
    for note in verdict.notes:
        print(f"    {note}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
