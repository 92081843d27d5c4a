"""`make bench`: every figure of docs/performance.md, on this machine, with everything on it."""

import asyncio
import signal
import sys
import traceback

import uvloop

from bench import (
    channels,
    copying,
    files,
    foretold,
    graphql,
    history,
    hop,
    imports,
    large,
    levelling,
    moves,
    neighbours,
    passing,
    posts,
    rollbacks,
    routes,
    saying,
    search,
    small_moves,
    sockets,
    storage,
    storm,
)
from bench.report import Report
from bench.setting import setting

SUITES = {
    "channels": channels.measure,
    "copying": copying.measure,
    "files": files.measure,
    "foretold": foretold.measure,
    "graphql": graphql.measure,
    "history": history.measure,
    "hop": hop.measure,
    "imports": imports.measure,
    "large": large.measure,
    "levelling": levelling.measure,
    "moves": moves.measure,
    "neighbours": neighbours.measure,
    "passing": passing.measure,
    "posts": posts.measure,
    "rollbacks": rollbacks.measure,
    "routes": routes.measure,
    "saying": saying.measure,
    "search": search.measure,
    "small-moves": small_moves.measure,
    "sockets": sockets.measure,
    "storage": storage.measure,
    "storm": storm.measure,
}


def main() -> None:
    wanted = sys.argv[1:] or list(SUITES)
    unknown = [name for name in wanted if name not in SUITES]
    if unknown:
        raise SystemExit(f"bench: no suite {unknown[0]!r}; there are: {', '.join(SUITES)}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends it early leaves no platform behind
    report = Report()
    with setting() as platform, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for name in wanted:
            try:
                runner.run(SUITES[name](platform, report))
            except Exception as error:  # noqa: BLE001 - what the other suites took minutes to find is kept
                traceback.print_exc()
                report.broke(name, error)
    report.show()
    print(f"kept in {report.keep('-'.join(wanted))}")
    if report.broken:
        raise SystemExit(f"bench: {', '.join(report.broken)} ended early")


if __name__ == "__main__":
    main()
