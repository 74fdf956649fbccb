#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A ticker: ten times a second one message goes to every connection. The unit is sealed once; all connections send the
same bytes. A receiver that lags misses ticks and slows nobody down.

Usage: fan_out.py ADDRESS RECEIVERS TICKS      starts when so many receivers are there, ends after so many ticks
"""
import sys

import zcnet


def main(address, wanted, ticks):
    framing = zcnet.Framing("delimiter=\\n,strip=1")
    receivers = set()
    done = missed = 0
    with zcnet.Loop() as loop:
        print(loop.listen(address, framing).address, flush=True)
        for event in loop.events():
            if event.type == zcnet.EventType.ACCEPTED:
                receivers.add(event.conn)
                if len(receivers) == wanted and done == 0:
                    loop.timer_set(0, 0)
            elif event.type == zcnet.EventType.CLOSED:
                receivers.discard(event.conn)
            elif event.type == zcnet.EventType.TIMER:
                done += 1
                with zcnet.Unit().append(b"tick %d" % done) as unit:
                    unit.seal(framing)
                    for conn in receivers:
                        with unit.retain() as mine:  # a reference for each send to take
                            missed += not conn.send(mine)
                if done == ticks:
                    loop.shutdown()
                else:
                    loop.timer_set(0, 0.1)
    print(f"{done} ticks, {missed} missed")
    return 0 if done == ticks else 1


if __name__ == "__main__":
    numbers = [int(word) if word.isdecimal() else 0 for word in sys.argv[2:]]
    if len(numbers) != 2 or not all(numbers):
        print("usage: fan_out.py ADDRESS RECEIVERS TICKS", file=sys.stderr)
        sys.exit(2)
    try:
        sys.exit(main(sys.argv[1], *numbers))
    except zcnet.Error as error:
        sys.exit(f"fan_out: {error}")
