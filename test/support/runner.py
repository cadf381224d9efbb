"""Runs a file of unittest cases. The last line is 'N passed, N failed, N skipped'; a skip prints 'SKIP name: reason'.

    if __name__ == "__main__":
        runner.main()

Arguments of such a file are parts of test names; with none, all run.
"""
import sys
import time
import traceback
import unittest


class Report(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.passed, self.failed_names = 0, set()

    @staticmethod
    def name_of(test):
        return str(getattr(test, "_testMethodName", test)).removeprefix("test_").replace("_", " ")

    def startTest(self, test):
        super().startTest(test)
        self.begun = time.monotonic()

    def say(self, word, test, more=""):
        print(f"{word} {self.name_of(test)}{more}", flush=True)

    def addSuccess(self, test):
        self.passed += 1
        self.say("ok  ", test, f" ({time.monotonic() - self.begun:.1f} s)")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        print(f"SKIP {self.name_of(test)}: {reason}", flush=True)

    def _fail(self, test, error):
        self.failed_names.add(str(test))
        self.say("FAIL", test)
        print("".join(traceback.format_exception(*error)), flush=True)

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self._fail(test, error)

    def addError(self, test, error):
        super().addError(test, error)
        self._fail(test, error)

    def addSubTest(self, test, subtest, error):
        super().addSubTest(test, subtest, error)
        if error:
            self.failed_names.add(str(test))
            print(f"FAIL {self.name_of(test)} {subtest._subDescription()}")
            print("".join(traceback.format_exception(*error)), flush=True)


def _chosen(suite, words):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from _chosen(test, words)
        elif not words or any(word.replace(" ", "_") in test.id() for word in words):
            yield test


def main():
    import __main__
    tests = unittest.TestSuite(_chosen(unittest.defaultTestLoader.loadTestsFromModule(__main__), sys.argv[1:]))
    report = Report()
    tests.run(report)
    print(f"{report.passed} passed, {len(report.failed_names)} failed, {len(report.skipped)} skipped", flush=True)
    sys.exit(1 if report.failed_names else 0)
