"""What the tests with other people's clients share."""
import os
import shutil
import signal
import tempfile

from system import ServerCase, wait_until


class RealClientsCase(ServerCase):
    kinds = ("mqtt", "mqtts", "ws", "wss", "http", "open-mqtt", "open-mqtts", "open-ws", "open-wss")

    def folder(self):
        folder = tempfile.mkdtemp(prefix="sealpost-clients-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        return folder

    def stop_in_the_middle(self):
        """From now on the server takes nothing, and its clients cannot know."""
        self.daemon.signal(signal.SIGSTOP)
        self.addCleanup(self.go_on)
        wait_until(lambda: self.thread_states() == {"T"}, 20, "the server stands still")

    def thread_states(self):
        tasks = f"/proc/{self.daemon.pid}/task"
        states = set()
        for task in os.listdir(tasks):
            with open(f"{tasks}/{task}/stat", encoding="ascii") as file:
                states.add(file.read().rsplit(")", 1)[1].split()[0])
        return states

    def go_on(self):
        if self.daemon.running:
            self.daemon.signal(signal.SIGCONT)
        else:
            self.daemon.start()
