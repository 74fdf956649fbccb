// SPDX-License-Identifier: MIT

// A ticker: ten times a second one message goes to every connection. All connections send the same bytes. A receiver that lags misses ticks and slows nobody down.
//
// Usage: fan_out ADDRESS RECEIVERS TICKS      starts when so many receivers are there, ends after so many ticks
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"slices"
	"strconv"
	"time"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

func main() {
	log.SetFlags(0)
	var wanted, ticks int
	if len(os.Args) == 4 {
		wanted, _ = strconv.Atoi(os.Args[2])
		ticks, _ = strconv.Atoi(os.Args[3])
	}
	if wanted <= 0 || ticks <= 0 {
		fmt.Fprintln(os.Stderr, "usage: fan_out ADDRESS RECEIVERS TICKS")
		os.Exit(2)
	}
	framing := zcnet.MustParseFraming(`delimiter=\n,strip=1`)
	loop, err := zcnet.NewLoop(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer loop.Close()
	listener, err := loop.Listen(os.Args[1], framing, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr())

	var receivers []*zcnet.Conn
	done, missed := 0, 0
	for event := range loop.Events(context.Background()) {
		switch event.Type() {
		case zcnet.EventAccepted:
			receivers = append(receivers, event.Conn())
			if len(receivers) == wanted && done == 0 {
				check(loop.SetTimer(0, 0))
			}
		case zcnet.EventClosed:
			receivers = slices.DeleteFunc(receivers, func(c *zcnet.Conn) bool { return c == event.Conn() })
		case zcnet.EventTimer:
			done++
			if len(receivers) > 0 {
				missed += tick(loop, receivers, framing, done)
			}
			if done < ticks {
				check(loop.SetTimer(0, 100*time.Millisecond))
			} else {
				check(loop.Shutdown(context.Background())) // when all of it is sent
			}
		}
	}
	fmt.Printf("%d ticks, %d missed\n", done, missed)
	if done != ticks {
		os.Exit(1)
	}
}

func tick(loop *zcnet.Loop, receivers []*zcnet.Conn, framing *zcnet.Framing, number int) (missed int) {
	text := fmt.Sprintf("tick %d", number)
	unit, err := zcnet.NewUnit(nil, framing, len(text))
	check(err)
	copy(unit.Bytes(), text)
	// All of them in one call, from the same bytes, whose memory goes when the last connection has written it.
	sent, err := loop.SendToAll(receivers, unit, nil)
	check(err)
	return len(receivers) - sent
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
