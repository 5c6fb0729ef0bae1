"""`momiji demo` sells, pays, scans and reports; every yen agrees, on both streams and through crashes."""

import os
import random
import signal
import subprocess
import time

import pytest

from support.installation import MOMIJI, new_installation


@pytest.mark.slow
def test_two_hundred_orders_agree_to_the_yen(momiji_home):
    installation = new_installation(momiji_home)  # Of its own: nobody else buys while it counts.
    installation.start()
    try:
        done = installation.run("demo", "--orders", "200", timeout=280)
        assert done.returncode == 0, done.stdout + done.stderr + installation.logs()
        assert "Every yen agrees" in done.stdout
    finally:
        assert installation.stop() == 0


@pytest.mark.slow
@pytest.mark.kafka
def test_two_hundred_orders_agree_to_the_yen_on_kafka(momiji_home, own_kafka_broker):
    installation = new_installation(momiji_home, MOMIJI_STREAM="kafka", MOMIJI_KAFKA_BOOTSTRAP=own_kafka_broker)
    installation.start()
    try:
        done = installation.run("demo", "--orders", "200", timeout=280)
        assert done.returncode == 0, done.stdout + done.stderr + installation.logs()
        assert "Every yen agrees" in done.stdout
        assert "kafka" in done.stdout
    finally:
        assert installation.stop() == 0


@pytest.mark.slow
def test_killing_any_process_in_mid_demo_loses_nothing_and_doubles_nothing(momiji_home):
    dice = random.Random(20261123)
    installation = new_installation(momiji_home)
    installation.start()
    try:
        demo = subprocess.Popen(
            [str(MOMIJI), "demo", "--orders", "150"],
            env=installation.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        victims = sorted(installation.children())
        assert len(victims) == 8, victims
        dice.shuffle(victims)
        killed = []
        for name in victims:
            time.sleep(1.2)
            pid = installation.children().get(name)
            if pid is None or demo.poll() is not None:
                continue
            os.kill(pid, signal.SIGKILL)
            killed.append(name)
        said, _ = demo.communicate(timeout=280)
        assert demo.returncode == 0, said + installation.logs()
        assert "Every yen agrees" in said
        assert len(killed) >= 4, f"the demo was over before enough processes were killed: {killed}"
    finally:
        assert installation.stop() == 0


@pytest.mark.slow
def test_a_killed_installation_starts_again_with_its_data(momiji_home):
    installation = new_installation(momiji_home)
    installation.start()
    try:
        assert installation.run("demo", "--orders", "10").returncode == 0
        os.kill(installation.process.pid, signal.SIGKILL)
        installation.process.wait()
        installation.start()
        again = installation.run("demo", "--orders", "10")
        assert again.returncode == 0, again.stdout + again.stderr
    finally:
        assert installation.stop() == 0
