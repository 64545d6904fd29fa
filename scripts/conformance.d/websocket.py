"""Autobahn's cases against the WebSocket: all of them at an echo built with the server's own settings, and those of the protocol
itself at a room of the server."""
import kosoku

import relay
import servers

# How many cases run at once. Some wait for a second or more.
AT_ONCE = 8

# No compression is offered: what is not there cannot be bombed.
COMPRESSION = ["12.*", "13.*"]

# Of messages of 1 MiB and more, which the server takes from nobody. One case in each group has 1 MiB exactly and is run.
TOO_LARGE = [f"9.{group}.{case}" for group in (1, 2) for case in (4, 5, 6)]

# The same in frames and chops of every size: 4 MiB in all.
TOO_LARGE += ["9.3.*", "9.4.*"]

# What is right and could be sooner: wrong UTF-8 is refused when its frame is complete, not at the octet with which it is wrong.
LATER = {"6.4.3", "6.4.4"}

# On behaviour that RFC 6455 leaves open, there is no right and wrong.
GOOD = ("OK", "INFORMATIONAL")


async def at_an_echo(binary):
    """Returns a line on how many were run, and on each that failed."""
    with servers.running(binary) as address:
        results = await ran(address, ["*"], COMPRESSION + TOO_LARGE)
        beyond = await ran(address, TOO_LARGE[:2])
    failed = [told(result) for result in results if not is_good(result)]
    failed += [f"{told(result)}: taken, though larger than 1 MiB" for result in beyond if result.passed]
    return report("cases at an echo", len(results) + len(beyond), failed)


async def in_a_room(binary):
    """The same of the room. It says nothing back, so the cases are judged by what they expect less the echo."""
    with servers.running(binary) as address:
        async with relay.into(address, "cases", servers.token(address, "cases")) as entrance:
            results = await ran(entrance, [f"{group}.*" for group in (2, 3, 4, 5, 6, 7)])
    failed = [told(result) for result in results if not is_good_without_echo(result)]
    return report("cases in a room", len(results), failed)


async def ran(address, include, exclude=None):
    try:
        return await kosoku.run_fuzzingclient(address, include, exclude, concurrency=AT_ONCE)
    except kosoku.FailureError as failure:
        return failure.results


def is_good(result):
    is_late = result.case_id in LATER and result.behavior.value == "NON-STRICT"
    return (result.behavior.value in GOOD or is_late) and result.behavior_close.value in GOOD


def is_good_without_echo(result):
    if is_good(result):
        return True
    wanted = [list(events) for events in result.expected.values()]
    if not any(event[0] == "message" for events in wanted for event in events):
        return False
    silent = [[event for event in events if event[0] != "message"] for events in wanted]
    # A case that waits for its echo in vain ends the connection itself. Where the server has no reason to, what counts is that
    # it has not.
    is_left_alone = result.expected_close["closedByMe"] and (result.closed_by_me or result.dropped_by_me)
    is_closed_well = result.behavior_close.value in GOOD or is_left_alone
    return [event for event in result.received if event[0] != "ping"] in silent and is_closed_well


def told(result):
    return f"{result.case_id}: {result.behavior.value}, {result.behavior_close.value}: {result.result} {result.result_close}"


def report(what, count, failed):
    print(f"{count} {what}, {len(failed)} failed", flush=True)
    for line in failed:
        print(f"  {line}", flush=True)
    return not failed
