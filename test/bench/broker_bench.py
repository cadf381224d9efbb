#!/usr/bin/env python3
"""Measures this server's open listener and Debian's mosquitto in turn, in one run, and prints tables in Markdown.

    SEALPOST_BIN=build/release/server /usr/bin/python3 test/bench/broker_bench.py [--quick] [--rows REGEX] ...

It needs sealpostd (in SEALPOST_BIN), broker_load (cmake -DSEALPOST_BENCH=ON; found beside it, or by --load), and
mosquitto (on PATH, or SEALPOST_MOSQUITTO=/path/to/program).

What is measured. The load is one process of one thread that speaks MQTT 3.1.1 (or 5.0: --protocol 5) over loopback
with clean sessions:

    pairs     100 publishers, each with a subscriber of its own
    fan-out   one publisher, 1,000 subscribers; a message counts 1,000 times
    fan-in    100 publishers, one subscriber of `bench/+/state`
    connects  TCP or TLS 1.3 (P-256, no resumption), CONNECT, CONNACK, DISCONNECT, closed by the server; 8 at once
    idle      memory of a connection, of 10,000 that have had one ping answered
    subscriptions  memory of a filter: 100 connections with 1,000 each, all distinct

Messages run at QoS 0, 1 and 2, published and subscribed at the same, with 512 bytes and 8 KiB, in a closed loop: a
publisher has 16 messages under way (fan-out: 4) and publishes the next when one has been delivered and its handshakes
are over. So the servers are saturated, latency (from publishing to delivery) is mostly waiting for one's turn, and
nothing need be dropped. A run counts only if every message arrived, once, in order, whole, with all handshakes
completed: otherwise it fails, and so does the whole (--self-check shows that it does). Figures are of an interval
after a warm-up; CPU is that of the server's process (user and system) for each delivery.

How. Every run has a server freshly started in a temporary folder; for each row the contenders take turns (A B C A B C
...) and medians are told, with the range of the throughput. Mosquitto has set_tcp_nodelay and takes part without and
with persistence. Ratios are to the better of its two forms, in each column by itself; rows under 0.8 of its
throughput or over 1.25 of its CPU are flagged, and so are rows where the load itself took over 0.9 of a core: there
throughput says less than CPU does.
"""
import argparse
import contextlib
import json
import os
import re
import resource
import signal
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from contenders import Mosquitto, Sealpost, StartFailed  # noqa: E402 (the path comes first)
from mangling import self_check  # noqa: E402

FAILURES = (StartFailed, RuntimeError, AssertionError, OSError, subprocess.SubprocessError)
THROUGHPUT_MIN, CPU_MAX, LOAD_CORES_MAX = 0.8, 1.25, 0.9


def all_rows():
    """{name: what broker_load is asked for}"""
    rows = {}
    for shape in ("pairs", "fan-out", "fan-in"):
        for payload in (512, 8192):
            for qos in (0, 1, 2):
                rows[f"{shape} {payload} B QoS {qos}"] = [
                    "messages", "--shape", shape, "--payload", str(payload), "--qos", str(qos)]
    rows["connects TCP"] = ["connects"]
    rows["connects TLS"] = ["connects", "--tls"]
    rows["idle connection"] = ["idle"]
    rows["subscription"] = ["subscriptions"]
    return rows


def progress(text):
    print(text, file=sys.stderr, flush=True)


def load_program(named):
    beside = os.path.join(os.environ.get("SEALPOST_BIN", "."), "..", "test", "broker_load")
    found = named or beside
    if not os.access(found, os.X_OK):
        sys.exit(f"broker_bench: no program {found}: build broker_load (cmake -DSEALPOST_BENCH=ON), or give --load")
    return found


def run_load(options, words):
    """(exit status, output) of broker_load, which ends by itself long before the time that it is given here."""
    done = subprocess.run([options.load, *words, "--protocol", options.protocol], capture_output=True, text=True,
                          timeout=options.seconds + options.warm_up + 200)
    sys.stderr.write(done.stderr)
    return done.returncode, done.stdout


def measured(contender, command, options):
    """What broker_load says of one run."""
    with contender:
        kind = "tls" if "--tls" in command else "tcp"
        words = [*command, "--port", str(contender.ports[kind]), "--pid", str(contender.pid)]
        if command[0] in ("messages", "connects"):
            words += ["--seconds", str(options.seconds), "--warm-up", str(options.warm_up)]
        if command[0] == "messages" and options.window:
            words += ["--window", str(options.window)]
        status, output = run_load(options, words)
        if status != 0:
            raise RuntimeError(f"broker_load ended with {status}")
    return json.loads(output)


def summary(result):
    if "per_second" in result:
        return f"{result['per_second']:,.0f}/s, {result['server_cpu_us']:.1f} us"
    return f"{result['resident_bytes_each']:,.0f} bytes"


def measure_row(name, command, contenders, options, record):
    """{contender: [its good runs]}, each contender in turn; and how many runs failed."""
    runs, failed = {contender.name: [] for contender in contenders}, 0
    for number in range(options.rounds):
        for contender in contenders:
            try:
                result = measured(contender, command, options)
            except FAILURES as error:
                progress(str(error))
                result = None
            said = summary(result) if result else "FAILED"
            progress(f"{name}, round {number + 1} of {options.rounds}, {contender.name}: {said}")
            if result is None:
                failed += 1
                continue
            runs[contender.name].append(result)
            if record:
                record.write(json.dumps({"row": name, "server": contender.name, "round": number + 1, **result}) + "\n")
                record.flush()
    return runs, failed


def median(runs, key):
    return statistics.median(run[key] for run in runs)


def best_of_others(runs, key, best):
    """The best median of those that are not this server; None without any."""
    others = [median(of_one, key) for name, of_one in runs.items() if name != Sealpost.name and of_one]
    return best(others) if others else None


def ratio(runs, key, best):
    ours, theirs = runs.get(Sealpost.name), best_of_others(runs, key, best)
    return median(ours, key) / theirs if ours and theirs else None


def shown(number):
    return "" if number is None else f"{number:.2f}"


def flags(runs):
    """What the reader of a row should know at once."""
    throughput, cpu = ratio(runs, "per_second", max), ratio(runs, "server_cpu_us", min)
    told = []
    if throughput is not None and throughput < THROUGHPUT_MIN:
        told.append("**slower**")
    if cpu is not None and cpu > CPU_MAX:
        told.append("**dearer**")
    bound = [name for name, of_one in runs.items() if of_one and median(of_one, "load_cores") > LOAD_CORES_MAX]
    if bound:
        told.append("load-bound: " + ", ".join(bound))
    return "; ".join(told)


def rate_cell(rates):
    spread = f" ({min(rates):,.0f} to {max(rates):,.0f})" if len(rates) > 1 else ""
    return f"{statistics.median(rates):,.0f}{spread}"


def print_rates(table):
    """Rows with throughput, latency and CPU, a line for each contender."""
    print("| row | server | a second (range) | p50 ms | p99 ms | p99.9 ms | CPU us each | load's CPU us each |"
          " throughput ratio | CPU ratio | |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for name, runs in table.items():
        for server, of_one in runs.items():
            if not of_one:
                print(f"| {name} | {server} | **failed** | | | | | | | | |")
                continue
            cells = [name, server, rate_cell([run["per_second"] for run in of_one])]
            cells += [f"{median(of_one, key) / 1000:.2f}" for key in ("p50_us", "p99_us", "p999_us")]
            cells += [f"{median(of_one, key):.1f}" for key in ("server_cpu_us", "load_cpu_us")]
            first = server == next(iter(runs))
            cells += [shown(ratio(runs, "per_second", max)), shown(ratio(runs, "server_cpu_us", min)),
                      flags(runs)] if first else ["", "", ""]
            print("| " + " | ".join(cells) + " |")


def print_memory(table):
    print("\n| row | server | resident bytes each | proportional (Pss) | resident ratio |")
    print("|---|---|---|---|---|")
    for name, runs in table.items():
        for server, of_one in runs.items():
            if not of_one:
                print(f"| {name} | {server} | **failed** | | |")
                continue
            first = server == next(iter(runs))
            print(f"| {name} | {server} | {median(of_one, 'resident_bytes_each'):,.0f} |"
                  f" {median(of_one, 'proportional_bytes_each'):,.0f} |"
                  f" {shown(ratio(runs, 'resident_bytes_each', min)) if first else ''} |")


def settings_of(words):
    """limits.window=16 ... as {section: {key: value}}"""
    settings = {}
    for word in words:
        found = re.fullmatch(r"(\w+)\.(\w+)=(.*)", word)
        if not found:
            sys.exit(f"broker_bench: --setting {word}: give it as section.key=value")
        value = found[3]
        value = int(value) if value.isdigit() else {"true": True, "false": False}.get(value, value)
        settings.setdefault(found[1], {})[found[2]] = value
    return settings


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", metavar="REGEX", default="", help="only the rows that it matches, as 'pairs.*QoS 1'")
    parser.add_argument("--rounds", type=int, help="runs of each contender in each row (default 3)")
    parser.add_argument("--seconds", type=float, help="measured in a run (default 4)")
    parser.add_argument("--warm-up", type=float, help="seconds before that (default 1)")
    parser.add_argument("--quick", action="store_true", help="one round of a second: shows that it works, no figures")
    parser.add_argument("--only", choices=("sealpost", "mosquitto"), help="one of the servers alone")
    parser.add_argument("--protocol", choices=("3.1.1", "5"), default="3.1.1")
    parser.add_argument("--window", type=int, help="messages of a publisher under way (default 16, fan-out 4)")
    parser.add_argument("--setting", metavar="SECTION.KEY=VALUE", action="append", default=[],
                        help="of sealpostd's configuration; may be given more than once")
    parser.add_argument("--json", metavar="FILE", help="add every run to it, a line of JSON each")
    parser.add_argument("--load", metavar="PROGRAM", help="broker_load")
    parser.add_argument("--self-check", action="store_true", help="show that the load notices what is lost or spoiled")
    parser.add_argument("--list", action="store_true", help="name the rows")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.seconds = options.seconds or (1 if options.quick else 4)
    options.warm_up = options.warm_up if options.warm_up is not None else (0.3 if options.quick else 1)
    return options


def contenders_of(options):
    contenders = []
    if options.only != "mosquitto":
        contenders.append(Sealpost(settings_of(options.setting)))
    if options.only != "sealpost":
        contenders += [Mosquitto(persistence=False), Mosquitto(persistence=True)]
    return contenders


def circumstances(contenders, options):
    """What the figures were measured with."""
    versions = "; ".join(dict.fromkeys(contender.version() for contender in contenders))
    with open("/proc/sys/net/ipv4/tcp_congestion_control", encoding="ascii") as file:
        congestion = file.read().strip()
    return (f"{versions}; MQTT {options.protocol}; {os.cpu_count()} cores; {congestion} as congestion control; medians "
            f"of {options.rounds} rounds of {options.seconds:g} s after {options.warm_up:g} s")


def prepare():
    """10,000 connections need descriptors, here and in the children; and asked to end, all that was started ends."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < 10100:
        progress(f"broker_bench: only {hard} descriptors are allowed: the row of idle connections will fail")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def main():
    options = arguments()
    rows = {name: command for name, command in all_rows().items() if re.search(options.rows, name)}
    if options.list or not rows:
        print("\n".join(rows or all_rows()))
        return 0 if options.list else 2
    options.load = load_program(options.load)
    if options.self_check:
        return 0 if self_check(lambda words: run_load(options, words)) else 1
    contenders = contenders_of(options)
    prepare()
    for contender in contenders:
        with contender:  # one that cannot start ends it all here
            progress(f"{contender.name} starts")
    print(circumstances(contenders, options) + "\n", flush=True)
    rates, memory, failures = {}, {}, 0
    with contextlib.ExitStack() as stack:
        record = stack.enter_context(open(options.json, "a", encoding="utf-8")) if options.json else None
        for name, command in rows.items():
            table = rates if command[0] in ("messages", "connects") else memory
            table[name], failed = measure_row(name, command, contenders, options, record)
            failures += failed
    if rates:
        print_rates(rates)
    if memory:
        print_memory(memory)
    if failures:
        print(f"\n**{failures} runs failed; they are in no figure.**")
    return 1 if failures else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except FAILURES as error:
        sys.exit(f"broker_bench: {error}")
