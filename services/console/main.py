"""The `momiji` command: one parser, one function for each command."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from console.installation import SERVICES, CannotStartError


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="momiji", description="Cashless tickets and payments for public facilities.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    commands.add_parser("up", help="run everything on this machine until Ctrl-C")

    serve = commands.add_parser("serve", help="run the HTTP side of one service")
    serve.add_argument("service", choices=[*SERVICES, "sandbox"])

    work = commands.add_parser("work", help="run relay, consumers and sweepers of one service")
    work.add_argument("service", choices=SERVICES)

    migrate = commands.add_parser("migrate", help="bring databases and topics up to date (addresses from MOMIJI_*)")
    migrate.add_argument("service", nargs="?", choices=SERVICES, help="only this service")

    demo = commands.add_parser("demo", help="sell, pay, scan and report through the public HTTP interfaces")
    demo.add_argument("--orders", type=int, default=20, metavar="N", help="how many orders (default 20)")
    demo.add_argument("--seed", type=int, default=1, help="the same seed sells the same orders (default 1)")
    demo.add_argument("--concurrency", type=int, default=8, metavar="N", help="visitors at a time (default 8)")

    token = commands.add_parser("token", help="print a bearer token that lives 12 hours")
    token.add_argument("--role", required=True, help="gate, supervisor, facility, accounting, auditor or admin")
    token.add_argument("--facility", action="append", default=[], metavar="CODE", help="repeatable; default: all")

    commands.add_parser("doctor", help="examine the installation and say what to do")

    verify = commands.add_parser(
        "verify", help="prove the journal: its chain, its balances, and that it says what is so"
    )
    verify.add_argument(
        "--known", action="append", default=[], metavar="NUMBER:HASH", help="a voucher and its hash, as once printed"
    )

    export = commands.add_parser("export", help="write one of the accounting exports to a file")
    export.add_argument(
        "format", help="such as daily_receipts_csv, monthly_receipts_xlsx; an unknown one says which there are"
    )
    export.add_argument("--from", dest="first", required=True, metavar="YYYY-MM-DD")
    export.add_argument("--to", dest="last", required=True, metavar="YYYY-MM-DD")
    export.add_argument("--facility", default=None, metavar="CODE")
    export.add_argument("--output", default=None, metavar="FILE", help="default: the name that the service gives")

    replay = commands.add_parser("replay", help="make the ledger again from the stream and say whether it is the same")
    replay.add_argument("--swap", action="store_true", help="put right what differs in the serving ledger, at once")
    replay.add_argument("--keep", action="store_true", help="leave the replayed ledger in the schema 'replay'")

    redeliver = commands.add_parser("redeliver", help="list the events that were put aside, and send them again")
    redeliver.add_argument("--send", action="store_true", help="send them again; without it they are only listed")

    backup = commands.add_parser("backup", help="write databases, secrets and facilities to one archive")
    backup.add_argument("file", help="such as momiji-2026-11-23.tar.gz; must not exist")

    restore = commands.add_parser("restore", help="restore an archive into an empty folder")
    restore.add_argument("file")

    bench = commands.add_parser(
        "bench", help="measure orders, scans, latency, stream, reconciliation and books; prints JSON lines"
    )
    bench.add_argument("--seconds", type=float, default=5.0, help="length of each measurement (default 5)")
    bench.add_argument(
        "--payments", type=int, default=1_000_000, metavar="N", help="how many `reconcile` and `books` are about"
    )
    bench.add_argument("--months", type=int, default=12, metavar="N", help="how many months are in one of its files")
    bench.add_argument("--kill", action="store_true", help="kill the processes of `reconcile` while it runs")
    bench.add_argument("only", nargs="*", help="only these measurements")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code (0 done, 1 not, 2 wrong words)."""
    chosen = _parser().parse_args(arguments)
    try:
        return _run(chosen)
    except CannotStartError as problem:
        print(f"momiji: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _run(chosen: argparse.Namespace) -> int:
    # Each command imports its own: `momiji token` must not wait for the web framework to load.
    match chosen.command:
        case "up":
            from console.up import up

            return up(os.environ)
        case "serve":
            from console.serving import serve

            serve(chosen.service)
            return 0
        case "work":
            from console.serving import work

            work(chosen.service)
            return 0
        case "migrate":
            from console.migrating import migrate_from_environment

            migrate_from_environment(os.environ, only=chosen.service)
            return 0
        case "token":
            from console.tokens import token

            print(token(os.environ, role=chosen.role, facilities=chosen.facility))
            return 0
        case "demo":
            from console.demo import demo

            return demo(os.environ, orders=chosen.orders, seed=chosen.seed, concurrency=chosen.concurrency)
        case "doctor":
            from console.doctor import doctor

            return doctor(os.environ)
        case "verify":
            from console.verifying import verify

            return verify(os.environ, chosen.known)
        case "export":
            from console.exporting import export

            return export(os.environ, chosen)
        case "replay":
            from console.replaying import replay

            return replay(os.environ, swap=chosen.swap, keep=chosen.keep)
        case "redeliver":
            from console.redelivering import redeliver

            return redeliver(os.environ, send=chosen.send)
        case "backup":
            from console.backup import backup

            return backup(os.environ, chosen.file)
        case "restore":
            from console.backup import restore

            return restore(os.environ, chosen.file)
        case "bench":
            from console.bench import bench

            return bench(
                os.environ,
                seconds=chosen.seconds,
                only=chosen.only,
                payments=chosen.payments,
                months=chosen.months,
                kill=chosen.kill,
            )
        case unknown:
            raise AssertionError(f"{unknown} is in the parser but not here")


if __name__ == "__main__":
    sys.exit(main())
