#!/usr/bin/python3
"""Searches the model of the handshake, sealpost1.pml, with SPIN: as it is, it must hold whatever the attacker does; with
any one protection left out, there must be an attack.

    test/handshake/model.py              everything
    test/handshake/model.py WORD...      the variants with one of these words in their name
    test/handshake/model.py --long       also a busier attacker: half a minute more
    test/handshake/model.py --trail NAME the attack that the search finds in a variant, step by step

Each line tells what came of it, the states that were searched, and the seconds. Two searches run at once; they take 300 MB
each, the busy one 1.3 GB, and may take 5 minutes. The last line is `N passed, N failed, N skipped`; a variant is one test.
"""
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

MODEL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sealpost1.pml")
MEMORY_MB, SECONDS = 1500, 300
HOLDS, FAILS = "holds", "fails"
KEY_A, KEY_OLD = 1, 8

# name, what it is, its flags, and what must come of it.
VARIANTS = [
    ("whole", "nothing left out", [], HOLDS),
    ("old key", "A's sign key, which its identity has dropped, is stolen", [f"STOLEN={KEY_OLD}"], HOLDS),
    ("run", "a good run is possible: the search could find a fault behind it", ["SHOW_RUN"], FAILS),
    ("stolen key", "A's key in force is stolen: nothing helps", [f"STOLEN={KEY_A}"], FAILS),
    ("role", "objects have no type and no fields of their own", ["WITHOUT_ROLE"], FAILS),
    ("endpoint", "S does not compare the endpoint", ["WITHOUT_ENDPOINT"], FAILS),
    ("purpose", "S does not compare the purpose with its carrier", ["WITHOUT_PURPOSE"], FAILS),
    ("hello nonce", "a Hello has no nonce", ["WITHOUT_HELLO_NONCE"], FAILS),
    ("challenge nonce", "a Challenge has no nonce", ["WITHOUT_CHALLENGE_NONCE"], FAILS),
    ("hello link", "a Challenge does not name the Hello", ["WITHOUT_HELLO_LINK"], FAILS),
    ("challenge link", "a Proof does not name the Challenge", ["WITHOUT_CHALLENGE_LINK"], FAILS),
    ("proof link", "a Welcome does not name the Proof", ["WITHOUT_PROOF_LINK"], FAILS),
    ("binding", "a Proof has no exporter value", ["WITHOUT_BINDING"], FAILS),
    ("server author", "A looks at the key of a Challenge, not at its author", ["WITHOUT_SERVER_AUTHOR"], FAILS),
    ("server signature", "A does not look whose signature a Challenge has", ["WITHOUT_SERVER_SIGNATURE"], FAILS),
    ("key", "S does not look whose signature a Proof has", ["WITHOUT_KEY"], FAILS),
    ("key in force", "S takes a key that the identity has dropped", ["WITHOUT_KEY_IN_FORCE", f"STOLEN={KEY_OLD}"], FAILS),
    ("expiry", "a Challenge is never over", ["WITHOUT_EXPIRY"], FAILS),
    ("once", "a Challenge may be answered twice", ["WITHOUT_ONCE"], FAILS),
    ("order", "a Challenge older than one proven may be answered", ["WITHOUT_ORDER"], FAILS),
    ("plain listener", "S has a listener without TLS, and takes there whoever dialled one with it", ["PLAIN_LISTENER"], FAILS),
    ("plain listener apart", "it takes there only whoever dialled it", ["PLAIN_LISTENER", "ENDPOINT_OF_LISTENER"], HOLDS),
    # What the links say already: these fields let a reader refuse sooner, and see what it has before it.
    ("client", "a Challenge does not name the client", ["WITHOUT_CLIENT"], HOLDS),
    ("author", "S does not compare the author of a Proof", ["WITHOUT_AUTHOR"], HOLDS),
]
LONG = [("busy", "the attacker makes up two signed objects", ["MADE_UP=2"], HOLDS)]


def run(command, folder, **options):
    def bounded():
        resource.setrlimit(resource.RLIMIT_AS, (1700 << 20, 1700 << 20))
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False,
                          preexec_fn=bounded, **options)


def must(command, folder):
    done = run(command, folder)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} gave {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def search(folder, flags, expected):
    """(what came of it, number of states, what was violated)"""
    must(["spin", "-a", *(f"-D{flag}" for flag in flags), MODEL], folder)
    # Where an attack must be found the search is short, and the compiler is what takes time.
    optimized = "-O1" if expected == HOLDS else "-O0"
    must(["gcc", optimized, "-w", "-DSAFETY", "-DNOREDUCE", "-DCOLLAPSE", f"-DMEMLIM={MEMORY_MB}", "-o", "pan", "pan.c"],
         folder)
    said = run(["./pan", "-E", "-m100000"], folder).stdout
    errors, states = re.search(r"errors: (\d+)", said), re.search(r"(\d+) states, stored", said)
    if not errors or not states:
        raise RuntimeError(f"pan said: {said[-300:]}")
    violated = re.search(r"assertion violated (.*) \(at depth", said)
    whole = "Search not completed" not in said and "out of memory" not in said
    outcome = FAILS if violated else HOLDS if errors[1] == "0" and whole else f"was not searched: {said[:200]}"
    return outcome, int(states[1]), violated[1] if violated else ""


def show_trail(folder, flags):
    print(must(["spin", "-t", "-p", "-g", *(f"-D{flag}" for flag in flags), MODEL], folder))


def judge(variant, trail=False):
    """(whether it came out as expected, a line about it)"""
    name, what, flags, expected = variant
    folder, begun = tempfile.mkdtemp(prefix="sealpost-model-"), time.monotonic()
    try:
        outcome, states, violated = search(folder, flags, expected)
        if trail and violated:
            show_trail(folder, flags)
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        outcome, states, violated = f"was not searched: {error}", 0, ""
    finally:
        shutil.rmtree(folder)
    good = outcome == expected
    return good, (f"{'ok  ' if good else 'FAIL'} {name}: {what}: {outcome}; {states:,} states"
                  f"{', violated: ' + violated if violated else ''} ({time.monotonic() - begun:.1f} s)")


def main():
    words = sys.argv[1:]
    if "--help" in words or "-h" in words:
        print(__doc__)
        return 0
    trail = words[:1] == ["--trail"]
    everything = VARIANTS + (LONG if trail or "--long" in words else [])
    words = [word for word in words if not word.startswith("--")]
    with open(MODEL, encoding="ascii") as file:
        forgotten = set(re.findall(r"WITHOUT_\w+", file.read())) - {flag for _, _, flags, _ in VARIANTS for flag in flags}
    if forgotten:
        print(f"no variant leaves out: {', '.join(sorted(forgotten))}")
        return 1
    chosen = [each for each in everything if not words or (each[0] in words if trail else any(w in each[0] for w in words))]
    if not shutil.which("spin") or not shutil.which("gcc"):
        print(f"SKIP the model: spin or gcc is not installed (see .ci/packages)\n0 passed, 0 failed, {len(chosen)} skipped")
        return 0
    passed = 0
    with ThreadPoolExecutor(2) as pool:
        for good, line in pool.map(lambda each: judge(each, trail), chosen):
            print(line, flush=True)
            passed += good
    print(f"{passed} passed, {len(chosen) - passed} failed, 0 skipped")
    return 0 if passed == len(chosen) and chosen else 1


if __name__ == "__main__":
    sys.exit(main())
