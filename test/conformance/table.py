#!/usr/bin/python3
"""Joins the statements of both standards with what a run of the cases reported, and writes docs/mqtt-conformance.md.

    test/conformance/table.py REPORT            # checks the report, and that the page says what it says
    test/conformance/table.py REPORT --write    # checks the report, and writes the page

A statement that concerns a server has an assertion that was executed and held, or a reason why it does not apply, and
not both. Statements that concern only clients have the reason too. The reasons are those of REASONS and no others.
"""
import argparse
import collections
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PAGE = os.path.join(HERE, "../../docs/mqtt-conformance.md")
REASONS = ("client only", "network layer", "option not offered")
CONCERNED = ("server", "client", "both")

HEAD = """# MQTT conformance

Every numbered statement of MQTT 3.1.1 (OASIS Standard, 29 October 2014) and of MQTT 5.0 (OASIS Standard, 7 March 2019),
with the test that shows it for Sealpost's open listener (for enhanced authentication: for one that asks for it), or why
it does not apply. The ids are those of appendix B of the standards; the words are ours, and the standards are the law.

A statement counts as shown when an assertion that names its id was executed and held, in the run that this page was
made from. `test/system/conformance_test.py` runs the cases of [test/conformance](../test/conformance) on a real server
and fails when a statement has neither test nor reason, or when this page differs from what was found. To write it
anew after a change of the cases: `SEALPOST_WRITE_PAGES=1 .ci/system release --named conformance`.

A statement does not apply when it is for clients only, when it is the network layer's, or when the option it speaks of
is not one that this server offers.
"""


def rows_of(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        for line in file.read().splitlines():
            if line and not line.startswith("#"):
                yield line.split("\t")


def pinned_counts():
    with open(os.path.join(HERE, "statements.tsv"), encoding="utf-8") as file:
        lines = [line.removeprefix("# count\t").split("\t") for line in file.read().splitlines()
                 if line.startswith("# count\t")]
    return {version: int(count) for version, count in lines}


def statements():
    """{(version, id): (whom it concerns, what it says)} in the order of the file."""
    return {(version, id): (concerned, text) for version, id, concerned, text in rows_of("statements.tsv")}


def reasons():
    """{(version, id): (reason, what it means here)}."""
    return {(version, id): (reason, here) for version, id, reason, here in rows_of("reasons.tsv")}


def tests(report):
    """({(version, id): tests as file and case}, {(version, id): why it does not hold})."""
    held, failed = collections.defaultdict(dict), {}
    for row in report:
        key = row["version"], row["id"]
        if row["good"]:
            held[key][f"{row['file']}: {row['case']}"] = True
        else:
            failed.setdefault(key, f"{row['file']}: {row['case']}: {row['detail']}")
    return {key: list(cases) for key, cases in held.items()}, failed


def _faults_of_lists(all_statements, all_reasons, held):
    counts = collections.Counter(version for version, _ in all_statements)
    if counts != pinned_counts():
        yield f"statements.tsv has {dict(counts)} statements, and the standards {pinned_counts()}"
    if len(list(rows_of("statements.tsv"))) != len(all_statements):
        yield "statements.tsv has a statement twice"
    for (version, id), (concerned, _) in all_statements.items():
        if concerned not in CONCERNED:
            yield f"{version} {id} concerns {concerned!r}, which is none of {', '.join(CONCERNED)}"
    for (version, id), (reason, _) in all_reasons.items():
        if reason not in REASONS:
            yield f"{version} {id}: {reason!r} is no reason: {', '.join(REASONS)}"
        if (version, id) not in all_statements:
            yield f"{version} {id} of reasons.tsv is no statement"
    for version, id in held:
        if (version, id) not in all_statements:
            yield f"{version} {id}, which {held[version, id][0]!r} reports, is no statement"


def faults(report):
    """What keeps the table from being whole, a line each."""
    all_statements, all_reasons, (held, failed) = statements(), reasons(), tests(report)
    yield from _faults_of_lists(all_statements, all_reasons, held)
    for (version, id), why in failed.items():
        yield f"{version} {id} does not hold: {why}"
    for (version, id), (concerned, _) in all_statements.items():
        reason, _ = all_reasons.get((version, id), ("", ""))
        if (version, id) in held and reason:
            yield f"{version} {id} has a test ({held[version, id][0]}) and the reason {reason!r}"
        elif (version, id) not in held and not reason:
            yield f"{version} {id} has neither a test nor a reason"
        elif reason == "client only" and concerned != "client":
            yield f"{version} {id} concerns {concerned}, and the reason is that it is for clients only"


def page(report):
    held, _ = tests(report)
    all_statements, all_reasons = statements(), reasons()
    lines = [HEAD]
    for version in pinned_counts():
        of_version = {id: said for (a_version, id), said in all_statements.items() if a_version == version}
        shown = sum((version, id) in held for id in of_version)
        lines += [f"## MQTT {version}", "", f"{len(of_version)} statements: {shown} shown by tests, "
                  f"{len(of_version) - shown} that do not apply.", "", "| Statement | What it says | Shown by |",
                  "|---|---|---|"]
        for id, (_, text) in of_version.items():
            reason, here = all_reasons.get((version, id), ("", ""))
            shown_by = "; ".join(held.get((version, id), [])) or f"*{reason}*" + (f": {here}" if here else "")
            lines.append(f"| {id} | {text.replace('|', chr(92) + '|')} | {shown_by} |")
        lines.append("")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("report")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    with open(options.report, encoding="utf-8") as file:
        report = json.load(file)
    found = list(faults(report))
    if options.write:
        write_page(report)
    elif not found:
        found += page_faults(report)
    for fault in found:
        print(fault)
    return 1 if found else 0


def write_page(report):
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write(page(report))


def page_faults(report):
    """What is wrong with the page that is there."""
    if not os.path.exists(PAGE):
        return ["docs/mqtt-conformance.md is missing"]
    with open(PAGE, encoding="utf-8") as file:
        if file.read() == page(report):
            return []
    return ["docs/mqtt-conformance.md differs from what was found: see its head for how to write it anew"]


if __name__ == "__main__":
    sys.exit(main())
