// SPDX-License-Identifier: MIT

// Many subscribers of a ticker (fan_out) in one process, a goroutine each: each has to get every tick, in order.
//
// Usage: subscribe ADDRESS SUBSCRIBERS      ends when the ticker has
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strconv"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

func main() {
	log.SetFlags(0)
	wanted := 0
	if len(os.Args) == 3 {
		wanted, _ = strconv.Atoi(os.Args[2])
	}
	if wanted <= 0 {
		fmt.Fprintln(os.Stderr, "usage: subscribe ADDRESS SUBSCRIBERS")
		os.Exit(2)
	}
	framing := zcnet.MustParseFraming(`delimiter=\n,strip=1`)
	ticks, failed := make(chan int), make(chan error)
	for range wanted {
		// One after the other: all at once is more than anybody's backlog has room for.
		conn, err := zcnet.Dial(context.Background(), os.Args[1], framing, nil)
		if err != nil {
			log.Fatal(err)
		}
		go func() {
			if n, err := follow(conn); err != nil {
				failed <- err
			} else {
				ticks <- n
			}
		}()
	}
	first := 0
	for i := range wanted {
		select {
		case err := <-failed:
			log.Fatal(err)
		case n := <-ticks:
			if i == 0 {
				first = n
			}
			if n != first {
				log.Fatalf("one has got %d ticks, another %d", n, first)
			}
		}
	}
	fmt.Printf("%d subscribers, %d ticks each\n", wanted, first)
}

// follow counts the ticks of one subscriber until the ticker ends.
func follow(conn *zcnet.Conn) (ticks int, err error) {
	for m := range conn.Messages(context.Background()) {
		ticks++
		if m.String() != fmt.Sprintf("tick %d", ticks) {
			return ticks, fmt.Errorf("tick %d is %q", ticks, m.String())
		}
	}
	return ticks, conn.ReadErr()
}
